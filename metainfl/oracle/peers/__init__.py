"""Other libraries' influence functions, judged on a single-level problem whose truth is known."""
