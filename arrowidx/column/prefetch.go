package column

// FetchAhead is how many rows ahead of the one being measured are asked for.
const FetchAhead = 4
