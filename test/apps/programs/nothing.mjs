// A config module whose export has a name.
export const config = {};
