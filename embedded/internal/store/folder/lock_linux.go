package folder

// setOpenFileLock is F_OFD_SETLK of fcntl.h.
const setOpenFileLock = 37
