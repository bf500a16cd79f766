"""Model cards: a signed document out of approved facts."""
