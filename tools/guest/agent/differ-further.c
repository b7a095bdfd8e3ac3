/*
 * More operations for differ.c: who does them and with which umask, locks, files without a name, holes, directories that
 * change while they are read, and the rarer flags.
 */
#define _GNU_SOURCE
#include "differ.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Somebody without privileges, and the groups that they are in. */
#define USER 1000
#define GROUP 100
#define FURTHER_GROUP 7
/* What the C library's headers lack. */
#define RENAME_WHITEOUT_FLAG 4
#define COLLAPSE_RANGE 8
#define INSERT_RANGE 32

void become(int user)
{
	if (user) {
		setegid(GROUP);
		seteuid(USER);
	} else {
		seteuid(0);
		setegid(0);
	}
}

void prepare_users(void)
{
	gid_t group = FURTHER_GROUP;

	setgroups(1, &group);
	for (int side = 0; side < SIDES; side++)
		chmod(run.root[side], 01777);
	run.user = 0;
	umask(022);
}

static int fd_of(int side)
{
	return run.fd[side][arg.handle];
}

/* Taking or giving back a lock of the process or of the open file description, or asking whether another is in the way. */
static long long act_lock(int side, struct outcome *outcome)
{
	struct flock lock = { .l_type = arg.value, .l_whence = SEEK_SET, .l_start = arg.offset, .l_len = arg.length };
	int failed = fcntl(fd_of(side), arg.flags, &lock);

	(void)outcome;
	if (failed || (arg.flags != F_GETLK && arg.flags != F_OFD_GETLK))
		return failed;
	return lock.l_type != F_UNLCK;
}

static long long act_flock(int side, struct outcome *outcome)
{
	(void)outcome;
	return flock(fd_of(side), arg.flags | LOCK_NB);
}

static long long act_link_handle(int side, struct outcome *outcome)
{
	(void)outcome;
	return linkat(fd_of(side), "", AT_FDCWD, on(side, arg.name), AT_EMPTY_PATH);
}

static long long act_fchmod(int side, struct outcome *outcome)
{
	(void)outcome;
	return fchmod(fd_of(side), arg.value);
}

static long long act_fchown(int side, struct outcome *outcome)
{
	(void)outcome;
	return fchown(fd_of(side), arg.value, arg.length);
}

static long long act_set_flags(int side, struct outcome *outcome)
{
	int failed = fcntl(fd_of(side), F_SETFL, arg.flags | O_NONBLOCK);

	(void)outcome;
	return failed;
}

static long long act_omit_times(int side, struct outcome *outcome)
{
	struct timespec times[2] = { { arg.offset, 5 }, { arg.to, 7 } };

	(void)outcome;
	times[arg.flags].tv_nsec = UTIME_OMIT;
	return utimensat(AT_FDCWD, on(side, arg.name), times, AT_SYMLINK_NOFOLLOW);
}

static long long act_long_link(int side, struct outcome *outcome)
{
	(void)outcome;
	return symlink((const char *)arg.data, on(side, arg.name));
}

/* An attribute whose loss the kernel asks for when contents or owner change; the value is one that it takes. */
static long long act_set_capability(int side, struct outcome *outcome)
{
	static const unsigned char none[20] = { 0, 0, 0, 2 };

	(void)outcome;
	return lsetxattr(on(side, arg.name), "security.capability", none, sizeof none, 0);
}

/* Where holes are is each file system's own business; that they read as zeros and end the file is not. */
static long long act_holes(int side, struct outcome *outcome)
{
	off_t before = lseek(fd_of(side), 0, SEEK_CUR), at = 0;
	struct stat st;

	if (before < 0 || fstat(fd_of(side), &st) < 0 || !S_ISREG(st.st_mode))
		return -1;
	if ((fcntl(fd_of(side), F_GETFL) & O_ACCMODE) == O_WRONLY)
		return 0;
	while (at < st.st_size) {
		off_t data = lseek(fd_of(side), at, SEEK_DATA);

		if (data < 0 && errno != ENXIO)
			return -1;
		if (data < 0)
			data = st.st_size;
		for (; at < data;) {
			ssize_t got = pread(fd_of(side), outcome->data, data - at < LARGEST ? data - at : LARGEST, at);

			if (got <= 0)
				return -2;
			for (ssize_t i = 0; i < got; i++)
				if (outcome->data[i])
					return -3;
			at += got;
		}
		if (at == st.st_size)
			break;
		data = lseek(fd_of(side), at, SEEK_HOLE);
		if (data <= at || data > st.st_size)
			return -4;
		at = data;
	}
	errno = 0;
	if (lseek(fd_of(side), st.st_size, SEEK_DATA) >= 0 || errno != ENXIO)
		return -5;
	lseek(fd_of(side), before, SEEK_SET);
	return 1;
}

/* A directory that gets and loses names while it is read: each that stays until it was seen is seen once. */
static long long act_crowd(int side, struct outcome *outcome)
{
	static char seen[1000];
	char path[PATH + 20];
	DIR *directory = opendir(on(side, arg.name));
	int number, entries = 0;

	(void)outcome;
	if (directory == NULL)
		return -1;
	memset(seen, 0, sizeof seen);
	for (int i = 0; i < arg.length; i++) {
		snprintf(path, sizeof path, "%s/crowd%03d", on(side, arg.name), i);
		number = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
		if (number < 0)
			break;
		close(number);
	}
	rewinddir(directory);
	for (struct dirent *entry; (entry = readdir(directory));) {
		if (sscanf(entry->d_name, "crowd%3d", &number) != 1)
			continue;
		entries += seen[number]++ ? 1000 : 1;
		snprintf(path, sizeof path, "%s/%s", on(side, arg.name), entry->d_name);
		if (number % 3 == 0)
			unlink(path);
	}
	closedir(directory);
	for (int i = 0; i < arg.length; i++) {
		snprintf(path, sizeof path, "%s/crowd%03d", on(side, arg.name), i);
		unlink(path);
	}
	return entries;
}

static void draw_lock(void)
{
	static const int commands[] = { F_SETLK, F_SETLK, F_OFD_SETLK, F_OFD_SETLK, F_GETLK, F_OFD_GETLK };
	static const int types[] = { F_RDLCK, F_WRLCK, F_UNLCK };
	static const int manners[] = { LOCK_SH, LOCK_EX, LOCK_UN };

	if (below(4) == 0) {
		arg.flags = manners[below(3)];
		note("flock %d %d", arg.handle, arg.flags);
		both(act_flock);
		return;
	}
	arg.flags = commands[below(6)];
	arg.value = types[below(arg.flags == F_GETLK || arg.flags == F_OFD_GETLK ? 2 : 3)];
	arg.offset = below(8) * 100;
	arg.length = below(4) * 100;
	note("lock %d command %d type %lld at %lld length %lld", arg.handle, arg.flags, arg.value, arg.offset, arg.length);
	both(act_lock);
}

static void draw_owner(void)
{
	/* Not -1 for both: with nothing to change the guest's FUSE does not ask whether the caller might. */
	static const int users[] = { USER, USER, 0, -1 }, groups[] = { GROUP, FURTHER_GROUP, USER, 0, -1 };

	arg.value = users[below(4)];
	arg.length = groups[below(arg.value < 0 ? 4 : 5)];
	if (below(2)) {
		note("chown %s to %lld:%lld", arg.name, arg.value, arg.length);
		both(act_chown);
	} else {
		note("fchown %d to %lld:%lld", arg.handle, arg.value, arg.length);
		both(act_fchown);
	}
}

static void draw_open(void)
{
	static const int flags[] = { O_TMPFILE | O_RDWR, O_TMPFILE | O_WRONLY | O_EXCL, O_TMPFILE | O_RDWR,
				     O_PATH, O_RDWR | O_NOATIME, O_RDWR | O_CREAT | O_DIRECT };

	arg.flags = flags[below(6)];
	note("open %d %s flags %o mode %llo", arg.handle, arg.name, arg.flags, arg.value);
	both(act_open);
}

void draw_further(void)
{
	static const int masks[] = { 0, 022, 027, 077, 02 };
	static const int allocations[] = { FALLOC_FL_PUNCH_HOLE, COLLAPSE_RANGE, INSERT_RANGE,
					   FALLOC_FL_KEEP_SIZE, 0, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE };
	static const int status[] = { 0, O_APPEND, O_NOATIME, O_DIRECT };

	switch (below(24)) {
	case 0: case 1: case 2:
		run.user = below(3) == 0;
		note("as %s", run.user ? "a user" : "root");
		break;
	case 3:
		arg.value = masks[below(5)];
		note("umask %llo", arg.value);
		umask(arg.value);
		break;
	case 4: case 5: case 6: case 7: case 8: case 9:
		draw_lock();
		break;
	case 10: case 11:
		draw_open();
		break;
	case 12:
		note("link %d to %s", arg.handle, arg.name);
		both(act_link_handle);
		break;
	case 13:
		note("holes %d", arg.handle);
		both(act_holes);
		break;
	case 14:
		if (below(3))
			break;
		arg.length = 10 + below(100);
		note("crowd %s with %lld", arg.name, arg.length);
		both(act_crowd);
		break;
	case 15:
		arg.flags = status[below(4)];
		note("flags of %d are %o", arg.handle, arg.flags);
		both(act_set_flags);
		break;
	case 16:
		arg.flags = below(2);
		note("utimens %s without time %d", arg.name, arg.flags);
		both(act_omit_times);
		break;
	case 17: case 18:
		draw_owner();
		break;
	case 19:
		note("fchmod %d %llo", arg.handle, arg.value);
		both(act_fchmod);
		break;
	case 20:
		arg.flags = RENAME_WHITEOUT_FLAG | below(4);
		note("rename %s to %s flags %d", arg.name, arg.other, arg.flags);
		both(act_rename);
		break;
	case 21:
		arg.flags = allocations[below(6)];
		note("fallocate %d mode %d at %lld length %lld", arg.handle, arg.flags, arg.offset, arg.length);
		both(act_fallocate);
		break;
	case 22:
		if (run.no_capabilities)
			break;
		note("setxattr %s security.capability", arg.name);
		both(act_set_capability);
		break;
	default:
		arg.length = below(3) ? below(200) : 4093 + below(4);
		memset(arg.data, 't', arg.length);
		arg.data[arg.length] = 0;
		note("symlink %s, target of %lld", arg.name, arg.length);
		both(act_long_link);
	}
}
