package mem

// CrcBlock is the length that one checksum covers: a section longer than this has one for
// every block of it, kept in the section of checksums.
const CrcBlock = 256 << 10
