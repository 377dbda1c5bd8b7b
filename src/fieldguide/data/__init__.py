"""Finding, opening, checking, keeping and dividing pictures."""
