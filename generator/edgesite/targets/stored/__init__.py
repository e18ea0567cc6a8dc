"""How weights are stored: forms that are smaller than float32, and which of them to take."""
