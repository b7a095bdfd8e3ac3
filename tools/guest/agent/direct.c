/*
 * Reads that only the device writes memory for. O_DIRECT puts the data straight into locked buffers, and nothing on the
 * processor touches those until `directcheck`: a page that the device wrote and did not log is then an old one.
 */
#define _GNU_SOURCE
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SLOT (64 << 10)
#define PAGE 4096

static unsigned char *buffers;
static size_t slots;
/* Where in the file each slot was read from; all of it outside the buffers. */
static int64_t *from;

/* directprepare bytes: buffers, locked and touched once */
static int do_prepare(struct call *call)
{
	long long bytes = number(call, 0);

	if (buffers != NULL || bytes < SLOT)
		return wrong(call, "buffers are prepared once, with room for at least 64 KiB");
	slots = bytes / SLOT;
	buffers = mmap(NULL, slots * SLOT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	from = mmap(NULL, slots * sizeof *from, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffers == MAP_FAILED || from == MAP_FAILED || mlock(buffers, slots * SLOT) < 0) {
		buffers = NULL;
		return -1;
	}
	memset(buffers, 0, slots * SLOT);
	memset(from, 0xff, slots * sizeof *from);
	return 0;
}

/*
 * directread handle length seed [count]: reads slots from random places of a file of that length, which must be open with
 * O_DIRECT, until `count` reads are done or an interrupt comes
 */
static int do_read(struct call *call)
{
	int fd = handle_get(call, 0);
	uint64_t state = number(call, 2), places = number(call, 1) / PAGE - SLOT / PAGE + 1;
	uint64_t count = number_or(call, 3, -1), done = 0;

	if (fd < 0)
		return -1;
	if (buffers == NULL || number(call, 1) < SLOT)
		return wrong(call, "no buffers, or a file shorter than one of them");
	hold_interrupts();
	for (; done < count && !interrupt_waits(); done++) {
		size_t slot = random_below(&state, slots);
		int64_t place = random_below(&state, places) * PAGE;
		ssize_t length;

		from[slot] = -1;
		length = pread(fd, buffers + slot * SLOT, SLOT, place);
		if (length != SLOT) {
			int error = length < 0 ? errno : EIO;

			release_interrupts();
			errno = error;
			return -1;
		}
		from[slot] = place;
		progress->operations++;
		progress->bytes += SLOT;
	}
	release_interrupts();
	reply_number(call, "reads", done);
	return 0;
}

/* directcheck seed: the pages of all slots that were read, how many differ from the file's pattern, and the first one */
static int do_check(struct call *call)
{
	uint64_t seed = number(call, 0);
	long long pages = 0, bad = 0, first = -1;

	for (size_t slot = 0; slot < slots; slot++) {
		if (from[slot] < 0)
			continue;
		for (size_t at = 0; at < SLOT; at += PAGE, pages++)
			if (pattern_check(buffers + slot * SLOT + at, PAGE, seed, from[slot] + at) >= 0) {
				if (first < 0)
					first = slot * (SLOT / PAGE) + at / PAGE;
				bad++;
			}
	}
	reply_number(call, "pages", pages);
	reply_number(call, "bad", bad);
	reply_number(call, "first", first);
	return 0;
}

const struct command_entry direct_commands[] = {
	{ "directprepare", do_prepare, 1, 1 },
	{ "directread", do_read, 3, 4 },
	{ "directcheck", do_check, 1, 1 },
	{ 0 },
};
