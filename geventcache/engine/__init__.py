"""What happens to a request: may it run now, its run, what follows from it."""
