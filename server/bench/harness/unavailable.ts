// What a benchmark throws when this machine lacks something that it needs: told to the user as it is, exit code 69.

export class Unavailable extends Error {}
