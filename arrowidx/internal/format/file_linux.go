package format

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// accessList is the attribute that holds a file's POSIX access list.
const accessList = "system.posix_acl_access"

// copyAccessList gives a file the access list of another, none if that has none.
func copyAccessList(from string, to *os.File) error {
	name := fmt.Sprintf("/proc/self/fd/%d", to.Fd())
	list := make([]byte, 64<<10) // the kernel's limit for an attribute
	n, err := syscall.Getxattr(from, accessList, list)
	switch {
	case err == nil:
		return syscall.Setxattr(name, accessList, list[:n], 0)
	case errors.Is(err, syscall.ENODATA):
		err = syscall.Removexattr(name, accessList)
	}
	for _, none := range []error{syscall.ENODATA, syscall.EOPNOTSUPP, syscall.ENOENT} {
		if errors.Is(err, none) { // the last: somebody removed the file meanwhile
			return nil
		}
	}
	return err
}
