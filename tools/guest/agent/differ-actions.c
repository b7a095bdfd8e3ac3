/* The operations that differ.c draws, each on one side. */
#define _GNU_SOURCE
#include "differ.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

const char *on(int side, const char *name)
{
	static char paths[4][PATH];
	static int next;
	char *path = paths[next++ % 4];

	snprintf(path, PATH, "%s/%s", run.root[side], name);
	return path;
}

static void put(struct outcome *outcome, const void *data, size_t length)
{
	if (outcome->length + length > sizeof outcome->data)
		length = sizeof outcome->data - outcome->length;
	memcpy(outcome->data + outcome->length, data, length);
	outcome->length += length;
}

static void put_stat(struct outcome *outcome, const struct stat *st, int times)
{
	char text[200];
	/* Whether setgid without group execute is kept depends on the caller's groups, which a device is not told. */
	int hidden = !S_ISDIR(st->st_mode) && !(st->st_mode & S_IXGRP) ? S_ISGID : 0;
	int length = snprintf(text, sizeof text, "mode %o, links %d, owner %d:%d, device %llx, size %lld",
			      st->st_mode & ~hidden, (int)st->st_nlink, st->st_uid, st->st_gid, (unsigned long long)st->st_rdev,
			      S_ISDIR(st->st_mode) ? 0ll : (long long)st->st_size);

	put(outcome, text, length);
	if (times) {
		length = snprintf(text, sizeof text, ", accessed %lld.%09ld, changed %lld.%09ld",
				  (long long)st->st_atim.tv_sec, st->st_atim.tv_nsec, (long long)st->st_mtim.tv_sec,
				  st->st_mtim.tv_nsec);
		put(outcome, text, length);
	}
}

static int fd_of(int side)
{
	return run.fd[side][arg.handle];
}

long long act_open(int side, struct outcome *outcome)
{
	int fd = open(on(side, arg.name), arg.flags | O_NONBLOCK, (mode_t)arg.value);

	(void)outcome;
	if (fd < 0)
		return -1;
	if (run.fd[side][arg.handle] >= 0)
		close(run.fd[side][arg.handle]);
	run.fd[side][arg.handle] = fd;
	return 0;
}

long long act_close(int side, struct outcome *outcome)
{
	int fd = fd_of(side);

	(void)outcome;
	run.fd[side][arg.handle] = -1;
	return close(fd);
}

long long act_pread(int side, struct outcome *outcome)
{
	ssize_t length = pread(fd_of(side), outcome->data, arg.length, arg.offset);

	outcome->length = length > 0 ? length : 0;
	return length;
}

long long act_read(int side, struct outcome *outcome)
{
	ssize_t length = read(fd_of(side), outcome->data, arg.length);

	outcome->length = length > 0 ? length : 0;
	return length;
}

long long act_pwrite(int side, struct outcome *outcome)
{
	(void)outcome;
	return pwrite(fd_of(side), arg.data, arg.length, arg.offset);
}

long long act_write(int side, struct outcome *outcome)
{
	(void)outcome;
	return write(fd_of(side), arg.data, arg.length);
}

long long act_lseek(int side, struct outcome *outcome)
{
	(void)outcome;
	return lseek(fd_of(side), arg.offset, arg.flags);
}

long long act_ftruncate(int side, struct outcome *outcome)
{
	(void)outcome;
	return ftruncate(fd_of(side), arg.length);
}

long long act_truncate(int side, struct outcome *outcome)
{
	(void)outcome;
	return truncate(on(side, arg.name), arg.length);
}

/*
 * Whether root would change a file with set-id bits by a request that does not tell the device who asks: there it has to
 * take the bits away, where Linux leaves them to root.
 */
static int loses_bits(int handle)
{
	struct stat st;

	for (int side = 0; side < SIDES; side++)
		if (fstat(run.fd[side][handle], &st) == 0 && st.st_mode & (S_ISUID | S_ISGID))
			return geteuid() == 0;
	return 0;
}

long long act_fallocate(int side, struct outcome *outcome)
{
	(void)outcome;
	if (loses_bits(arg.handle))
		return 0;
	return fallocate(fd_of(side), arg.flags, arg.offset, arg.length);
}

long long act_copy(int side, struct outcome *outcome)
{
	off_t from = arg.offset, to = arg.to;

	(void)outcome;
	if (loses_bits(arg.second))
		return 0;
	return copy_file_range(fd_of(side), &from, run.fd[side][arg.second], &to, arg.length, 0);
}

long long act_sync(int side, struct outcome *outcome)
{
	(void)outcome;
	return arg.flags ? fsync(fd_of(side)) : fdatasync(fd_of(side));
}

long long act_map(int side, struct outcome *outcome)
{
	struct stat st;
	unsigned char *at;
	size_t length;

	if (fstat(fd_of(side), &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
		return 0;
	length = st.st_size < LARGEST ? st.st_size : LARGEST;
	at = mmap(NULL, length, PROT_READ | (arg.flags ? PROT_WRITE : 0), MAP_SHARED, fd_of(side), 0);
	if (at == MAP_FAILED)
		return -1;
	put(outcome, at, length);
	if (arg.flags)
		at[arg.offset % length] = arg.value;
	munmap(at, length);
	return length;
}

long long act_fstat(int side, struct outcome *outcome)
{
	struct stat st;
	int failed = fstat(fd_of(side), &st);

	if (!failed)
		put_stat(outcome, &st, 0);
	return failed;
}

long long act_stat(int side, struct outcome *outcome)
{
	struct stat st;
	int failed = arg.flags ? stat(on(side, arg.name), &st) : lstat(on(side, arg.name), &st);

	if (!failed)
		put_stat(outcome, &st, 0);
	return failed;
}

long long act_mkdir(int side, struct outcome *outcome)
{
	(void)outcome;
	return mkdir(on(side, arg.name), arg.value);
}

long long act_rmdir(int side, struct outcome *outcome)
{
	(void)outcome;
	return rmdir(on(side, arg.name));
}

long long act_unlink(int side, struct outcome *outcome)
{
	(void)outcome;
	return unlink(on(side, arg.name));
}

long long act_rename(int side, struct outcome *outcome)
{
	(void)outcome;
	return renameat2(AT_FDCWD, on(side, arg.name), AT_FDCWD, on(side, arg.other), arg.flags);
}

long long act_link(int side, struct outcome *outcome)
{
	(void)outcome;
	return link(on(side, arg.name), on(side, arg.other));
}

long long act_symlink(int side, struct outcome *outcome)
{
	(void)outcome;
	return symlink(arg.other, on(side, arg.name));
}

long long act_readlink(int side, struct outcome *outcome)
{
	ssize_t length = readlink(on(side, arg.name), (char *)outcome->data, PATH);

	outcome->length = length > 0 ? length : 0;
	return length;
}

long long act_mknod(int side, struct outcome *outcome)
{
	(void)outcome;
	return mknod(on(side, arg.name), arg.flags | arg.value, 0x103);
}

long long act_chmod(int side, struct outcome *outcome)
{
	(void)outcome;
	return chmod(on(side, arg.name), arg.value);
}

long long act_chown(int side, struct outcome *outcome)
{
	(void)outcome;
	return lchown(on(side, arg.name), arg.value, arg.length);
}

long long act_utimens(int side, struct outcome *outcome)
{
	struct timespec times[2] = { { arg.offset, arg.value }, { arg.length, arg.value / 2 } };
	struct stat st;

	if (utimensat(AT_FDCWD, on(side, arg.name), times, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	if (lstat(on(side, arg.name), &st) == 0)
		put_stat(outcome, &st, 1);
	return 0;
}

long long act_access(int side, struct outcome *outcome)
{
	(void)outcome;
	return access(on(side, arg.name), arg.flags);
}

long long act_setxattr(int side, struct outcome *outcome)
{
	(void)outcome;
	return lsetxattr(on(side, arg.name), arg.attribute, arg.data, arg.length, arg.flags);
}

long long act_getxattr(int side, struct outcome *outcome)
{
	ssize_t length = lgetxattr(on(side, arg.name), arg.attribute, outcome->data, arg.length);

	outcome->length = length > 0 && arg.length ? length : 0;
	return length;
}

long long act_removexattr(int side, struct outcome *outcome)
{
	(void)outcome;
	return lremovexattr(on(side, arg.name), arg.attribute);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int list(const char *path, char **names, int limit)
{
	DIR *directory = opendir(path);
	int count = 0;

	if (directory == NULL)
		return -1;
	for (struct dirent *entry; (entry = readdir(directory)) && count < limit;) {
		char *copy = malloc(strlen(entry->d_name) + 2);

		sprintf(copy, "%s%c", entry->d_name, 'A' + entry->d_type);
		names[count++] = copy;
	}
	closedir(directory);
	qsort(names, count, sizeof *names, by_name);
	return count;
}

long long act_list(int side, struct outcome *outcome)
{
	static char *names[256];
	int count = list(on(side, arg.name), names, 256);

	for (int i = 0; i < count; i++) {
		put(outcome, names[i], strlen(names[i]) + 1);
		free(names[i]);
	}
	return count;
}

long long act_listxattr(int side, struct outcome *outcome)
{
	static char text[4096];
	static char *names[256];
	ssize_t length = llistxattr(on(side, arg.name), text, sizeof text);
	int count = 0;

	if (length < 0)
		return -1;
	for (ssize_t at = 0; at < length && count < 256; at += strlen(text + at) + 1)
		names[count++] = text + at;
	qsort(names, count, sizeof *names, by_name);
	for (int i = 0; i < count; i++)
		put(outcome, names[i], strlen(names[i]) + 1);
	return length;
}

/* A file opened by name, read from its start. */
long long act_contents(int side, struct outcome *outcome)
{
	int fd = open(on(side, arg.name), O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
	ssize_t length;

	if (fd < 0)
		return -1;
	length = pread(fd, outcome->data, LARGEST, arg.offset);
	outcome->length = length > 0 ? length : 0;
	close(fd);
	return length;
}
