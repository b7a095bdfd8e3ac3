/* Locks. POSIX locks belong to the actor, those of open file descriptions and flock(2) to the handle. */
#define _GNU_SOURCE
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

static int lock_type(struct call *call, int i)
{
	switch (word(call, i)[0]) {
	case 'r': return F_RDLCK;
	case 'w': return F_WRLCK;
	case 'u': return F_UNLCK;
	}
	return wrong(call, "a lock is read, write or unlock");
}

static struct flock wanted(struct call *call)
{
	struct flock lock = { 0 };

	lock.l_type = lock_type(call, 1);
	lock.l_whence = SEEK_SET;
	lock.l_start = number(call, 2);
	lock.l_len = number(call, 3);
	return lock;
}

static int set(struct call *call, int how)
{
	struct flock lock = wanted(call);
	int fd = handle_get(call, 0);

	return fd < 0 || call->wrong ? -1 : fcntl(fd, how, &lock);
}

static int get(struct call *call, int how)
{
	struct flock lock = wanted(call);
	int fd = handle_get(call, 0);

	if (fd < 0 || call->wrong || fcntl(fd, how, &lock) < 0)
		return -1;
	reply_string(call, "type", lock.l_type == F_UNLCK ? "unlock" : lock.l_type == F_RDLCK ? "read" : "write");
	if (lock.l_type == F_UNLCK)
		return 0;
	reply_number(call, "start", lock.l_start);
	reply_number(call, "length", lock.l_len);
	reply_number(call, "pid", lock.l_pid);
	return 0;
}

/* setlk handle read|write|unlock start length, and its five relatives: w waits, ofd_ is for open file descriptions */
static int do_setlk(struct call *call)
{
	return set(call, F_SETLK);
}

static int do_setlkw(struct call *call)
{
	return set(call, F_SETLKW);
}

static int do_getlk(struct call *call)
{
	return get(call, F_GETLK);
}

static int do_ofd_setlk(struct call *call)
{
	return set(call, F_OFD_SETLK);
}

static int do_ofd_setlkw(struct call *call)
{
	return set(call, F_OFD_SETLKW);
}

static int do_ofd_getlk(struct call *call)
{
	return get(call, F_OFD_GETLK);
}

/* flock handle shared|exclusive|unlock [nowait] */
static int do_flock(struct call *call)
{
	int fd = handle_get(call, 0);
	int how = word(call, 1)[0] == 's' ? LOCK_SH : word(call, 1)[0] == 'e' ? LOCK_EX : LOCK_UN;

	return fd < 0 ? -1 : flock(fd, how | (call->argc > 2 ? LOCK_NB : 0));
}

const struct command_entry lock_commands[] = {
	{ "setlk", do_setlk, 4, 4 },
	{ "setlkw", do_setlkw, 4, 4 },
	{ "getlk", do_getlk, 4, 4 },
	{ "ofd_setlk", do_ofd_setlk, 4, 4 },
	{ "ofd_setlkw", do_ofd_setlkw, 4, 4 },
	{ "ofd_getlk", do_ofd_getlk, 4, 4 },
	{ "flock", do_flock, 2, 3 },
	{ 0 },
};
