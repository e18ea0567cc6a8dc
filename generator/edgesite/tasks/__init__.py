"""What models are for: how a picture goes in, and what an answer means to a person."""
