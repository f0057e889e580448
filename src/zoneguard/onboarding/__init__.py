"""A first zones.yaml proposed from what is at hand: exports, captures, a list of approved communication."""
