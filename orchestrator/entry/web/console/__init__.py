"""The console: campaigns, customers and messages in a browser, and the kill switch.

guard    who may come in                 desk     the engine as the console asks it
pages    what people see                 api      the same for programs
words    how instants, amounts and shares are written
faults   what goes wrong, in a sentence
"""
