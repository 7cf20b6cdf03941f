"""What the facts of all files mean together: sizes, lifetimes, and the shape of the suite."""
