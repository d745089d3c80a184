"""The ratios that we claim, measured: `make bench`."""
