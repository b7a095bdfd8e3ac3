/* Commands on open files, named by the host's handle numbers. */
#define _GNU_SOURCE
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

static int result(struct call *call, const char *key, long long value)
{
	if (value < 0)
		return -1;
	reply_number(call, key, value);
	return 0;
}

/* open handle path flags [mode] */
static int do_open(struct call *call)
{
	return handle_set(call, 0, open(word(call, 1), number(call, 2), number_or(call, 3, 0644)));
}

/* openmany first count prefix flags [mode]: prefix0, prefix1, … as handles first, first+1, … */
static int do_openmany(struct call *call)
{
	long long first = number(call, 0), count = number(call, 1);
	static char path[4200];

	for (long long i = 0; i < count; i++) {
		int fd;

		snprintf(path, sizeof path, "%s%lld", word(call, 2), i);
		fd = open(path, number(call, 3), number_or(call, 4, 0644));
		if (fd < 0 || handle_set_number(first + i, fd) < 0)
			return -1;
	}
	return 0;
}

static int do_close(struct call *call)
{
	return handle_close(call, 0);
}

/* closemany first count */
static int do_closemany(struct call *call)
{
	long long first = number(call, 0), count = number(call, 1);

	for (long long i = 0; i < count; i++)
		if (handle_close_number(first + i) < 0)
			return -1;
	return 0;
}

static int give_data(struct call *call, unsigned char *data, ssize_t length)
{
	if (length < 0)
		return -1;
	reply_number(call, "length", length);
	reply_bytes(call, "data", data, length);
	return 0;
}

static unsigned char data[MAX_DATA];

static size_t data_length(struct call *call, int i)
{
	long long length = number(call, i);

	if (length < 0 || length > MAX_DATA)
		wrong(call, "more data than one reply can carry");
	return call->wrong ? 0 : length;
}

/* pread handle offset length */
static int do_pread(struct call *call)
{
	int fd = handle_get(call, 0);

	return fd < 0 ? -1 : give_data(call, data, pread(fd, data, data_length(call, 2), number(call, 1)));
}

/* read handle length */
static int do_read(struct call *call)
{
	int fd = handle_get(call, 0);

	return fd < 0 ? -1 : give_data(call, data, read(fd, data, data_length(call, 1)));
}

/* pwrite handle offset hex */
static int do_pwrite(struct call *call)
{
	int fd = handle_get(call, 0);
	ssize_t length = from_hex(word(call, 2), data, sizeof data);

	if (length < 0)
		return wrong(call, "not hex, or too much of it");
	return fd < 0 ? -1 : result(call, "length", pwrite(fd, data, length, number(call, 1)));
}

/* write handle hex */
static int do_write(struct call *call)
{
	int fd = handle_get(call, 0);
	ssize_t length = from_hex(word(call, 1), data, sizeof data);

	if (length < 0)
		return wrong(call, "not hex, or too much of it");
	return fd < 0 ? -1 : result(call, "length", write(fd, data, length));
}

/* lseek handle offset whence */
static int do_lseek(struct call *call)
{
	int fd = handle_get(call, 0);

	return fd < 0 ? -1 : result(call, "offset", lseek(fd, number(call, 1), number(call, 2)));
}

static int do_ftruncate(struct call *call)
{
	int fd = handle_get(call, 0);

	return fd < 0 ? -1 : ftruncate(fd, number(call, 1));
}

/* fallocate handle mode offset length */
static int do_fallocate(struct call *call)
{
	int fd = handle_get(call, 0);

	return fd < 0 ? -1 : fallocate(fd, number(call, 1), number(call, 2), number(call, 3));
}

/* copyrange from offset to offset length: an offset of -1 means the handle's own */
static int do_copyrange(struct call *call)
{
	int from = handle_get(call, 0), to = handle_get(call, 2);
	off_t from_at = number(call, 1), to_at = number(call, 3);

	if (from < 0 || to < 0)
		return -1;
	return result(call, "length",
		      copy_file_range(from, from_at < 0 ? NULL : &from_at, to, to_at < 0 ? NULL : &to_at,
				      number(call, 4), 0));
}

static int do_fsync(struct call *call)
{
	int fd = handle_get(call, 0);

	return fd < 0 ? -1 : fsync(fd);
}

static int do_fdatasync(struct call *call)
{
	int fd = handle_get(call, 0);

	return fd < 0 ? -1 : fdatasync(fd);
}

static int do_syncfs(struct call *call)
{
	int fd = handle_get(call, 0);

	return fd < 0 ? -1 : syncfs(fd);
}

/* getflags handle: status flags as open(2) has them */
static int do_getflags(struct call *call)
{
	int fd = handle_get(call, 0);

	return fd < 0 ? -1 : result(call, "flags", fcntl(fd, F_GETFL));
}

static int do_setflags(struct call *call)
{
	int fd = handle_get(call, 0);

	return fd < 0 ? -1 : fcntl(fd, F_SETFL, (int)number(call, 1));
}

/* mapwrite handle offset hex [keep]: through a shared mapping; kept, its pages stay mapped and are not written back */
static int do_mapwrite(struct call *call)
{
	int fd = handle_get(call, 0);
	off_t offset = number(call, 1), start = offset & ~4095ll;
	ssize_t length = from_hex(word(call, 2), data, sizeof data);
	unsigned char *at;
	int failed;

	if (length < 0)
		return wrong(call, "not hex, or too much of it");
	if (fd < 0)
		return -1;
	at = mmap(NULL, offset - start + length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, start);
	if (at == MAP_FAILED)
		return -1;
	for (ssize_t i = 0; i < length; i++)
		at[offset - start + i] = data[i];
	if (call->argc > 3)
		return 0;
	failed = msync(at, offset - start + length, MS_SYNC);
	munmap(at, offset - start + length);
	return failed;
}

const struct command_entry file_commands[] = {
	{ "open", do_open, 3, 4 },
	{ "openmany", do_openmany, 4, 5 },
	{ "close", do_close, 1, 1 },
	{ "closemany", do_closemany, 2, 2 },
	{ "pread", do_pread, 3, 3 },
	{ "read", do_read, 2, 2 },
	{ "pwrite", do_pwrite, 3, 3 },
	{ "write", do_write, 2, 2 },
	{ "lseek", do_lseek, 3, 3 },
	{ "ftruncate", do_ftruncate, 2, 2 },
	{ "fallocate", do_fallocate, 4, 4 },
	{ "copyrange", do_copyrange, 5, 5 },
	{ "fsync", do_fsync, 1, 1 },
	{ "fdatasync", do_fdatasync, 1, 1 },
	{ "syncfs", do_syncfs, 1, 1 },
	{ "getflags", do_getflags, 1, 1 },
	{ "setflags", do_setflags, 2, 2 },
	{ "mapwrite", do_mapwrite, 3, 4 },
	{ 0 },
};
