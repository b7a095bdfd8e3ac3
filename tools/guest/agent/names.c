/* Commands on paths, and on what is known about a file. */
#define _GNU_SOURCE
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static void reply_time(struct call *call, const char *key, struct timespec time)
{
	text_add(call->reply, " %s=%lld.%09ld", key, (long long)time.tv_sec, time.tv_nsec);
}

static int reply_stat(struct call *call, int failed, const struct stat *st)
{
	if (failed)
		return -1;
	reply_number(call, "dev", st->st_dev);
	reply_number(call, "ino", st->st_ino);
	reply_number(call, "mode", st->st_mode);
	reply_number(call, "nlink", st->st_nlink);
	reply_number(call, "uid", st->st_uid);
	reply_number(call, "gid", st->st_gid);
	reply_number(call, "major", major(st->st_rdev));
	reply_number(call, "minor", minor(st->st_rdev));
	reply_number(call, "size", st->st_size);
	reply_number(call, "blocks", st->st_blocks);
	reply_number(call, "blksize", st->st_blksize);
	reply_time(call, "atime", st->st_atim);
	reply_time(call, "mtime", st->st_mtim);
	reply_time(call, "ctime", st->st_ctim);
	return 0;
}

static int do_stat(struct call *call)
{
	struct stat st;

	return reply_stat(call, stat(word(call, 0), &st), &st);
}

static int do_lstat(struct call *call)
{
	struct stat st;

	return reply_stat(call, lstat(word(call, 0), &st), &st);
}

static int do_fstat(struct call *call)
{
	struct stat st;
	int fd = handle_get(call, 0);

	return fd < 0 ? -1 : reply_stat(call, fstat(fd, &st), &st);
}

static int do_statfs(struct call *call)
{
	struct statfs st;

	if (statfs(word(call, 0), &st) < 0)
		return -1;
	reply_number(call, "type", st.f_type);
	reply_number(call, "bsize", st.f_bsize);
	reply_number(call, "blocks", st.f_blocks);
	reply_number(call, "bfree", st.f_bfree);
	reply_number(call, "bavail", st.f_bavail);
	reply_number(call, "files", st.f_files);
	reply_number(call, "ffree", st.f_ffree);
	reply_number(call, "namelen", st.f_namelen);
	return 0;
}

static int do_access(struct call *call)
{
	return access(word(call, 0), number(call, 1));
}

static int do_mkdir(struct call *call)
{
	return mkdir(word(call, 0), number_or(call, 1, 0755));
}

static int do_rmdir(struct call *call)
{
	return rmdir(word(call, 0));
}

static int do_unlink(struct call *call)
{
	return unlink(word(call, 0));
}

/* rename from to [flags] */
static int do_rename(struct call *call)
{
	if (call->argc == 2)
		return rename(word(call, 0), word(call, 1));
	return renameat2(AT_FDCWD, word(call, 0), AT_FDCWD, word(call, 1), number(call, 2));
}

static int do_link(struct call *call)
{
	return link(word(call, 0), word(call, 1));
}

/* linkhandle handle path: gives a file that was opened with O_TMPFILE, or is deleted, a name */
static int do_linkhandle(struct call *call)
{
	static char from[64];
	int fd = handle_get(call, 0);

	if (fd < 0)
		return -1;
	snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, from, AT_FDCWD, word(call, 1), AT_SYMLINK_FOLLOW);
}

/* symlink target path */
static int do_symlink(struct call *call)
{
	return symlink(word(call, 0), word(call, 1));
}

static int do_readlink(struct call *call)
{
	static char target[4097];
	ssize_t length = readlink(word(call, 0), target, sizeof target - 1);

	if (length < 0)
		return -1;
	target[length] = 0;
	reply_string(call, "target", target);
	return 0;
}

/* mknod path mode [major minor] */
static int do_mknod(struct call *call)
{
	return mknod(word(call, 0), number(call, 1), makedev(number_or(call, 2, 0), number_or(call, 3, 0)));
}

static int do_chmod(struct call *call)
{
	return chmod(word(call, 0), number(call, 1));
}

static int do_chown(struct call *call)
{
	return lchown(word(call, 0), number(call, 1), number(call, 2));
}

static int do_truncate(struct call *call)
{
	return truncate(word(call, 0), number(call, 1));
}

/* utimens path seconds nanoseconds seconds nanoseconds: access and modification; does not follow a link */
static int do_utimens(struct call *call)
{
	struct timespec times[2] = { { number(call, 1), number(call, 2) }, { number(call, 3), number(call, 4) } };

	return utimensat(AT_FDCWD, word(call, 0), times, AT_SYMLINK_NOFOLLOW);
}

static unsigned char value[MAX_DATA];

/* setxattr path name hex [flags] */
static int do_setxattr(struct call *call)
{
	ssize_t length = from_hex(word(call, 2), value, sizeof value);

	if (length < 0)
		return wrong(call, "not hex, or too much of it");
	return lsetxattr(word(call, 0), word(call, 1), value, length, number_or(call, 3, 0));
}

/* getxattr path name [room]: a room of 0 asks for the length alone */
static int do_getxattr(struct call *call)
{
	long long room = number_or(call, 2, sizeof value);
	ssize_t length = lgetxattr(word(call, 0), word(call, 1), value, room > (long long)sizeof value ? (long long)sizeof value : room);

	if (length < 0)
		return -1;
	reply_number(call, "length", length);
	reply_bytes(call, "data", value, room ? length : 0);
	return 0;
}

/* listxattr path: names one after the other, each ended by a zero byte, as hex */
static int do_listxattr(struct call *call)
{
	ssize_t length = llistxattr(word(call, 0), (char *)value, sizeof value);

	if (length < 0)
		return -1;
	reply_bytes(call, "names", value, length);
	return 0;
}

static int do_removexattr(struct call *call)
{
	return lremovexattr(word(call, 0), word(call, 1));
}

const struct command_entry name_commands[] = {
	{ "stat", do_stat, 1, 1 },
	{ "lstat", do_lstat, 1, 1 },
	{ "fstat", do_fstat, 1, 1 },
	{ "statfs", do_statfs, 1, 1 },
	{ "access", do_access, 2, 2 },
	{ "mkdir", do_mkdir, 1, 2 },
	{ "rmdir", do_rmdir, 1, 1 },
	{ "unlink", do_unlink, 1, 1 },
	{ "rename", do_rename, 2, 3 },
	{ "link", do_link, 2, 2 },
	{ "linkhandle", do_linkhandle, 2, 2 },
	{ "symlink", do_symlink, 2, 2 },
	{ "readlink", do_readlink, 1, 1 },
	{ "mknod", do_mknod, 2, 4 },
	{ "chmod", do_chmod, 2, 2 },
	{ "chown", do_chown, 3, 3 },
	{ "truncate", do_truncate, 2, 2 },
	{ "utimens", do_utimens, 5, 5 },
	{ "setxattr", do_setxattr, 3, 4 },
	{ "getxattr", do_getxattr, 2, 3 },
	{ "listxattr", do_listxattr, 1, 1 },
	{ "removexattr", do_removexattr, 2, 2 },
	{ 0 },
};
