"""Predictions of the course of learning, each with assumptions that can be measured."""
