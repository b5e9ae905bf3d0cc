"""Studies of test error that falls, rises and falls again: in size, in samples, in time."""
