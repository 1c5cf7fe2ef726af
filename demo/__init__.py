"""The demonstration: four weeks of a year of grocery purchases, replayed on the virtual clock."""
