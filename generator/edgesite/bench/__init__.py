"""How fast a model answers in a real browser, alone or beside another engine in one run."""
