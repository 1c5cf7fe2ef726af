"""What happens, step by step: it joins rules, store and channels, and knows no command line."""
