/*
 * The same seeded operations in two directories, one step after the other, each with its result, errno and contents
 * compared. Names and handles come from small pools, so that operations meet each other's traces all the time.
 */
#define _GNU_SOURCE
#include "differ.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Between two comparisons of everything. */
#define INTERVAL 400

struct differ_run run;
struct differ_arguments arg;
static struct outcome outcomes[SIDES];

uint64_t below(uint64_t limit)
{
	return random_below(&run.state, limit);
}

void note(const char *format, ...)
{
	char *line = run.history[run.step % HISTORY];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof run.history[0], format, args);
	va_end(args);
}

static void differs(const char *format, ...)
{
	va_list args;

	if (run.difference[0])
		return;
	va_start(args, format);
	vsnprintf(run.difference, sizeof run.difference, format, args);
	va_end(args);
}

/*
 * A name of up to three levels; the empty one is the directory itself. Most names on the way, or all with `folder`, are
 * those that directories are likely to have, and the last one is not.
 */
static void pick_name(char *name, int folder)
{
	static const char *const names[] = { "dir", "sub", "a", "b", "c", "x y", "\303\251t\303\251", "link" };
	int depth = below(4) ? 1 + below(2) : 3, at = 0;

	name[0] = 0;
	if (below(200) == 0) {
		memset(name, 'n', 300);
		name[254 + below(3)] = 0;
		return;
	}
	while (depth--) {
		int likely = below(10) > 0;
		int which = !likely ? below(8) : depth || folder ? below(2) : 2 + below(6);

		at += sprintf(name + at, "%s%s", at ? "/" : "", names[which]);
	}
}

/* ---- comparing ---- */

static const char *describe(const struct outcome *outcome)
{
	static char texts[4][160];
	static int next;
	char *text = texts[next++ % 4];

	if (outcome->result < 0)
		snprintf(text, 160, "error %s", strerror(outcome->error));
	else
		snprintf(text, 160, "%lld, %.100s", outcome->result,
			 outcome->length && outcome->data[0] >= ' ' ? (const char *)outcome->data : "");
	return text;
}

void both(action act)
{
	for (int side = 0; side < SIDES; side++) {
		struct outcome *outcome = &outcomes[side];

		outcome->length = 0;
		become(run.user);
		errno = 0;
		outcome->result = act(side, outcome);
		outcome->error = outcome->result < 0 ? errno : 0;
		become(0);
		outcome->data[outcome->length < LARGEST ? outcome->length : LARGEST] = 0;
	}
	run.succeeded += outcomes[0].result >= 0;
	if (outcomes[0].result != outcomes[1].result || outcomes[0].error != outcomes[1].error)
		differs("%s there, %s here", describe(&outcomes[0]), describe(&outcomes[1]));
	else if (outcomes[0].length != outcomes[1].length)
		differs("%zu bytes there, %zu here (%s there, %s here)", outcomes[0].length, outcomes[1].length,
			describe(&outcomes[0]), describe(&outcomes[1]));
	else
		for (size_t i = 0; i < outcomes[0].length; i++)
			if (outcomes[0].data[i] != outcomes[1].data[i]) {
				differs("byte %zu is %02x there, %02x here (%s there, %s here)", i, outcomes[0].data[i],
					outcomes[1].data[i], describe(&outcomes[0]), describe(&outcomes[1]));
				break;
			}
}

static void compare_below(const char *name, int depth)
{
	static char *names[8][256];
	char own[PATH];
	int count;

	snprintf(own, sizeof own, "%s", name);
	strcpy(arg.name, own);
	arg.flags = 0;
	note("comparing %s", own);
	both(act_stat);
	both(act_listxattr);
	if (outcomes[0].result < 0 || run.difference[0])
		return;
	for (int side = 0; side < SIDES; side++) {
		struct stat st;

		if (lstat(on(side, own), &st) < 0)
			return;
		if (side == 0 && S_ISREG(st.st_mode)) {
			for (arg.offset = 0; arg.offset < st.st_size && !run.difference[0]; arg.offset += LARGEST)
				both(act_contents);
			return;
		}
		if (!S_ISDIR(st.st_mode))
			return;
	}
	both(act_list);
	if (run.difference[0] || depth == 8)
		return;
	count = list(on(0, own), names[depth], 256);
	for (int i = 0; i < count; i++) {
		char *entry = names[depth][i];

		entry[strlen(entry) - 1] = 0;
		if (strcmp(entry, ".") && strcmp(entry, "..") && !run.difference[0]) {
			static char path[8][PATH];

			snprintf(path[depth], PATH, "%.380s%s%s", own, own[0] ? "/" : "", entry);
			if (strlen(own) + strlen(entry) < PATH - 2)
				compare_below(path[depth], depth + 1);
		}
		free(entry);
	}
}

/* ---- drawing an operation ---- */

static const int open_flags[] = {
	O_RDONLY,
	O_RDWR,
	O_RDWR | O_CREAT,
	O_RDWR | O_CREAT | O_EXCL,
	O_RDWR | O_CREAT | O_TRUNC,
	O_WRONLY | O_CREAT | O_APPEND,
	O_RDWR | O_APPEND,
	O_RDONLY | O_DIRECTORY,
	O_RDWR | O_NOFOLLOW,
	O_WRONLY | O_TRUNC,
	O_RDWR | O_CREAT | O_SYNC,
};

static long long place(void)
{
	return below(8) ? below(9000) : below(300000);
}

static long long extent(void)
{
	return below(8) ? below(5000) : below(LARGEST);
}

static void compare_all(void)
{
	int user = run.user;
	uint64_t succeeded = run.succeeded;

	run.user = 0;
	compare_below("", 0);
	run.user = user;
	run.succeeded = succeeded;
}

static void draw(void)
{
	static const char *const attributes[] = { "user.one", "user.two", "trusted.three", "user.", "nonsense" };
	static const int renames[] = { 0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_NOREPLACE | RENAME_EXCHANGE };
	static const int allocations[] = { 0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE };
	static const int kinds[] = { S_IFIFO, S_IFREG, S_IFCHR, S_IFSOCK };

	int folders = below(4) == 0;

	pick_name(arg.name, folders);
	pick_name(arg.other, folders);
	arg.handle = below(OPEN);
	arg.second = below(OPEN);
	arg.offset = place();
	arg.to = place();
	arg.length = extent();
	arg.value = below(4) ? below(010000) | 0755 : below(010000);
	arg.attribute = attributes[below(5)];
	if (below(4) == 0) {
		draw_further();
		return;
	}
	switch (below(30)) {
	case 0: case 1: case 2: case 3:
		arg.flags = open_flags[below(sizeof open_flags / sizeof *open_flags)];
		note("open %d %s flags %o mode %llo", arg.handle, arg.name, arg.flags, arg.value);
		both(act_open);
		break;
	case 4:
		note("close %d", arg.handle);
		both(act_close);
		break;
	case 5:
		note("pread %d at %lld length %lld", arg.handle, arg.offset, arg.length);
		both(act_pread);
		break;
	case 6:
		note("read %d length %lld", arg.handle, arg.length);
		both(act_read);
		break;
	case 7: case 8:
		pattern_make(arg.data, arg.length, run.step, 0);
		note("pwrite %d at %lld length %lld", arg.handle, arg.offset, arg.length);
		both(act_pwrite);
		break;
	case 9:
		pattern_make(arg.data, arg.length, run.step, 0);
		note("write %d length %lld", arg.handle, arg.length);
		both(act_write);
		break;
	case 10:
		arg.flags = below(3);
		arg.offset -= 2000;
		if (arg.flags == SEEK_CUR || arg.flags == SEEK_END || arg.flags == SEEK_SET) {
			struct stat st;

			/* What a directory's offsets are is the file system's own business. */
			if (fstat(run.fd[0][arg.handle], &st) == 0 && S_ISDIR(st.st_mode))
				break;
		}
		note("lseek %d %lld from %d", arg.handle, arg.offset, arg.flags);
		both(act_lseek);
		break;
	case 11:
		arg.length = place();
		note("ftruncate %d to %lld", arg.handle, arg.length);
		both(act_ftruncate);
		break;
	case 12:
		arg.length = place();
		note("truncate %s to %lld", arg.name, arg.length);
		both(act_truncate);
		break;
	case 13:
		arg.flags = allocations[below(3)];
		note("fallocate %d mode %d at %lld length %lld", arg.handle, arg.flags, arg.offset, arg.length);
		both(act_fallocate);
		break;
	case 14:
		note("copy %d at %lld to %d at %lld length %lld", arg.handle, arg.offset, arg.second, arg.to, arg.length);
		both(act_copy);
		break;
	case 15:
		arg.flags = below(2);
		note("%s %d", arg.flags ? "fsync" : "fdatasync", arg.handle);
		both(act_sync);
		break;
	case 16:
		arg.flags = below(2);
		note("map %d, write %d at %lld", arg.handle, arg.flags, arg.offset);
		both(act_map);
		break;
	case 17:
		note("fstat %d", arg.handle);
		both(act_fstat);
		break;
	case 18:
		arg.flags = below(2);
		note("%s %s", arg.flags ? "stat" : "lstat", arg.name);
		both(act_stat);
		break;
	case 19: case 20:
		pick_name(arg.name, 1);
		note("mkdir %s mode %llo", arg.name, arg.value);
		both(act_mkdir);
		break;
	case 21:
		if (below(2)) {
			note("rmdir %s", arg.name);
			both(act_rmdir);
		} else {
			note("unlink %s", arg.name);
			both(act_unlink);
		}
		break;
	case 22:
		arg.flags = renames[below(6)];
		note("rename %s to %s flags %d", arg.name, arg.other, arg.flags);
		both(act_rename);
		break;
	case 23:
		note("link %s to %s", arg.name, arg.other);
		both(act_link);
		break;
	case 24:
		if (below(2)) {
			note("symlink %s, target %s", arg.name, arg.other);
			both(act_symlink);
		} else {
			note("readlink %s", arg.name);
			both(act_readlink);
		}
		break;
	case 25:
		arg.flags = kinds[below(4)];
		note("mknod %s kind %o mode %llo", arg.name, arg.flags, arg.value);
		both(act_mknod);
		break;
	case 26:
		if (below(2)) {
			note("chmod %s %llo", arg.name, arg.value);
			both(act_chmod);
		} else {
			note("chown %s %lld:%lld", arg.name, arg.value, arg.length);
			both(act_chown);
		}
		break;
	case 27:
		if (below(2)) {
			arg.offset *= 100000;
			arg.value *= 100000;
			note("utimens %s %lld.%09lld %lld.%09lld", arg.name, arg.offset, arg.value, arg.length, arg.value / 2);
			both(act_utimens);
		} else {
			arg.flags = below(8);
			note("access %s %d", arg.name, arg.flags);
			both(act_access);
		}
		break;
	case 28:
		arg.length = below(300);
		if (below(2)) {
			pattern_make(arg.data, arg.length, run.step, 0);
			arg.flags = below(3);
			note("setxattr %s %s length %lld flags %d", arg.name, arg.attribute, arg.length, arg.flags);
			both(act_setxattr);
		} else if (below(2)) {
			note("getxattr %s %s room %lld", arg.name, arg.attribute, arg.length);
			both(act_getxattr);
		} else {
			note("removexattr %s %s", arg.name, arg.attribute);
			both(act_removexattr);
		}
		break;
	default:
		note("list %s", arg.name);
		both(act_list);
	}
}

static void give_history(struct call *call)
{
	uint64_t first = run.step >= HISTORY ? run.step - HISTORY + 1 : 0;

	text_add(call->reply, " history=");
	for (uint64_t i = first; i <= run.step; i++) {
		text_escape(call->reply, run.history[i % HISTORY], strlen(run.history[i % HISTORY]));
		text_add(call->reply, "%%0a");
	}
}

/*
 * differ there here seed count [1]: `count` operations, or as many as come before an interrupt; with the 1, none that gives a
 * file capabilities. Verdict "same", or "different" with what was different at which step and the last operations.
 */
static int do_differ(struct call *call)
{
	uint64_t count = number(call, 3);

	run.root[0] = word(call, 0);
	run.root[1] = word(call, 1);
	run.state = number(call, 2);
	run.no_capabilities = number_or(call, 4, 0) != 0;
	run.difference[0] = 0;
	run.succeeded = 0;
	for (int side = 0; side < SIDES; side++)
		for (int i = 0; i < OPEN; i++)
			run.fd[side][i] = -1;
	progress->operations = 0;
	prepare_users();
	hold_interrupts();
	for (run.step = 0; run.step < count && !run.difference[0] && !interrupt_waits(); run.step++) {
		draw();
		if (!run.difference[0] && run.step % INTERVAL == INTERVAL - 1)
			compare_all();
		progress->operations++;
		if (run.difference[0])
			break;
	}
	if (!run.difference[0]) {
		run.step++;
		compare_all();
	}
	release_interrupts();
	for (int side = 0; side < SIDES; side++)
		for (int i = 0; i < OPEN; i++)
			if (run.fd[side][i] >= 0)
				close(run.fd[side][i]);
	reply_number(call, "operations", progress->operations);
	reply_number(call, "succeeded", run.succeeded);
	reply_string(call, "verdict", run.difference[0] ? "different" : "same");
	if (run.difference[0]) {
		reply_number(call, "step", run.step);
		reply_string(call, "difference", run.difference);
		give_history(call);
	}
	return 0;
}

const struct command_entry differ_commands[] = {
	{ "differ", do_differ, 4, 5 },
	{ 0 },
};
