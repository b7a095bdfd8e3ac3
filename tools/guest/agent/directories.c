/* Directory streams, straight on getdents64 so that the host decides how much each step takes. */
#define _GNU_SOURCE
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct entry {
	uint64_t ino;
	int64_t off;
	unsigned short length;
	unsigned char type;
	char name[];
};

/* opendir handle path */
static int do_opendir(struct call *call)
{
	return handle_set(call, 0, open(word(call, 1), O_RDONLY | O_DIRECTORY));
}

/* readdir handle [room]: one getdents64 into that many bytes; entries as ino:type:off:name, with a slash between */
static int do_readdir(struct call *call)
{
	static char room[16384];
	long long size = number_or(call, 1, 4096);
	int fd = handle_get(call, 0);
	long length, count = 0;

	if (fd < 0)
		return -1;
	length = syscall(SYS_getdents64, fd, room, size > (long long)sizeof room ? (long long)sizeof room : size);
	if (length < 0)
		return -1;
	for (long at = 0; at < length; count++) {
		struct entry *entry = (struct entry *)(room + at);

		text_add(call->reply, "%s%llu:%d:%lld:", count ? "/" : " entries=", (unsigned long long)entry->ino,
			 entry->type, (long long)entry->off);
		text_escape(call->reply, entry->name, strlen(entry->name));
		at += entry->length;
	}
	reply_number(call, "count", count);
	return 0;
}

/* telldir handle: where the next readdir goes on */
static int do_telldir(struct call *call)
{
	int fd = handle_get(call, 0);
	off_t offset = fd < 0 ? -1 : lseek(fd, 0, SEEK_CUR);

	if (offset < 0)
		return -1;
	reply_number(call, "offset", offset);
	return 0;
}

/* seekdir handle offset: 0, or what an entry or telldir said */
static int do_seekdir(struct call *call)
{
	int fd = handle_get(call, 0);

	return fd < 0 || lseek(fd, number(call, 1), SEEK_SET) < 0 ? -1 : 0;
}

static int do_closedir(struct call *call)
{
	return handle_close(call, 0);
}

const struct command_entry directory_commands[] = {
	{ "opendir", do_opendir, 2, 2 },
	{ "readdir", do_readdir, 1, 2 },
	{ "telldir", do_telldir, 1, 1 },
	{ "seekdir", do_seekdir, 2, 2 },
	{ "closedir", do_closedir, 1, 1 },
	{ 0 },
};
