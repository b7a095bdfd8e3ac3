#include "agent.h"

#include <errno.h>
#include <unistd.h>

#define HANDLES 32768

/* Descriptor plus one, so that zero means none. */
static int handles[HANDLES];

int handle_set_number(long long handle, int fd)
{
	if (handle < 0 || handle >= HANDLES) {
		close(fd);
		errno = EMFILE;
		return -1;
	}
	if (handles[handle])
		close(handles[handle] - 1);
	handles[handle] = fd + 1;
	return 0;
}

int handle_close_number(long long handle)
{
	int fd;

	if (handle < 0 || handle >= HANDLES || handles[handle] == 0) {
		errno = EBADF;
		return -1;
	}
	fd = handles[handle] - 1;
	handles[handle] = 0;
	return close(fd);
}

int handle_set(struct call *call, int i, int fd)
{
	return fd < 0 ? -1 : handle_set_number(number(call, i), fd);
}

int handle_get(struct call *call, int i)
{
	long long handle = number(call, i);

	if (handle < 0 || handle >= HANDLES || handles[handle] == 0) {
		errno = EBADF;
		return -1;
	}
	return handles[handle] - 1;
}

int handle_close(struct call *call, int i)
{
	return handle_close_number(number(call, i));
}
