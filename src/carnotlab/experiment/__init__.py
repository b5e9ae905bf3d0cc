"""The experiment as plain data: a task, a network and a training rule."""
