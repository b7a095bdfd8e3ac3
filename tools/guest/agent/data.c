/* Large contents: made and checked inside the guest, so that only the verdict crosses the serial port. */
#define _GNU_SOURCE
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHUNK (1 << 20)

static unsigned char *chunk(void)
{
	static unsigned char *memory;

	if (memory == NULL)
		memory = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return memory;
}

/* fill handle offset length seed: writes the seed's pattern there */
static int do_fill(struct call *call)
{
	int fd = handle_get(call, 0);
	long long offset = number(call, 1), left = number(call, 2);
	unsigned char *memory = chunk();

	if (fd < 0)
		return -1;
	progress->bytes = 0;
	while (left > 0) {
		size_t length = left < CHUNK ? left : CHUNK;
		ssize_t written;

		pattern_make(memory, length, number(call, 3), offset);
		written = pwrite(fd, memory, length, offset);
		if (written < 0)
			return -1;
		if (written == 0) {
			errno = ENOSPC;
			return -1;
		}
		offset += written;
		left -= written;
		progress->bytes += written;
	}
	return 0;
}

/*
 * check handle offset length seed: verdict "same", or "different" with the place of the first wrong byte, or "short" with
 * the place where the file ends
 */
static int do_check(struct call *call)
{
	int fd = handle_get(call, 0);
	long long offset = number(call, 1), left = number(call, 2);
	unsigned char *memory = chunk();

	if (fd < 0)
		return -1;
	progress->bytes = 0;
	while (left > 0) {
		ssize_t bad, length = pread(fd, memory, left < CHUNK ? left : CHUNK, offset);

		if (length < 0)
			return -1;
		bad = pattern_check(memory, length, number(call, 3), offset);
		if (bad >= 0 || length == 0) {
			reply_string(call, "verdict", length == 0 ? "short" : "different");
			reply_number(call, "offset", offset + (length == 0 ? 0 : bad));
			return 0;
		}
		offset += length;
		left -= length;
		progress->bytes += length;
	}
	reply_string(call, "verdict", "same");
	return 0;
}

/* checksum handle offset length: CRC-32 of what is there, and how much that was */
static int do_checksum(struct call *call)
{
	int fd = handle_get(call, 0);
	long long offset = number(call, 1), left = number(call, 2), total = 0;
	unsigned char *memory = chunk();
	uint32_t sum = 0;

	if (fd < 0)
		return -1;
	while (left > 0) {
		ssize_t length = pread(fd, memory, left < CHUNK ? left : CHUNK, offset);

		if (length < 0)
			return -1;
		if (length == 0)
			break;
		sum = crc32_more(sum, memory, length);
		offset += length;
		left -= length;
		total += length;
	}
	reply_number(call, "length", total);
	reply_number(call, "crc32", sum);
	return 0;
}

/* extents handle: start:end of every stretch that SEEK_DATA and SEEK_HOLE report as data, at most 1000 */
static int do_extents(struct call *call)
{
	int fd = handle_get(call, 0), count = 0;
	off_t data, hole = 0;

	if (fd < 0)
		return -1;
	while (count < 1000 && (data = lseek(fd, hole, SEEK_DATA)) >= 0) {
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole < 0)
			return -1;
		text_add(call->reply, count++ ? ",%lld:%lld" : " extents=%lld:%lld", (long long)data, (long long)hole);
	}
	if (count < 1000 && errno != ENXIO)
		return -1;
	reply_number(call, "count", count);
	return 0;
}

const struct command_entry data_commands[] = {
	{ "fill", do_fill, 4, 4 },
	{ "check", do_check, 4, 4 },
	{ "checksum", do_checksum, 3, 3 },
	{ "extents", do_extents, 1, 1 },
	{ 0 },
};
