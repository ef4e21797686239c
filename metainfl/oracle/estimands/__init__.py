"""What a method may claim to compute, one estimand a file."""
