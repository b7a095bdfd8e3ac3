/* The parts of the comparison of two directories: differ.c draws operations, differ-actions.c carries them out. */
#ifndef DIFFER_H
#define DIFFER_H

#include "agent.h"

#define SIDES 2
#define OPEN 12
#define HISTORY 300
#define LARGEST 40000
#define PATH 400

struct differ_run {
	const char *root[SIDES];
	int fd[SIDES][OPEN];
	uint64_t state;
	char history[HISTORY][160];
	uint64_t step;
	/* How many operations had something other than an error for an answer. */
	uint64_t succeeded;
	/* Whether the operations are those of somebody without privileges. */
	int user;
	/* Whether file capabilities are left alone. */
	int no_capabilities;
	/* What was different, or empty. */
	char difference[400];
};

extern struct differ_run run;

/* The arguments of the operation at hand: drawn once, used on both sides. */
struct differ_arguments {
	char name[PATH], other[PATH];
	int handle, second, flags;
	long long offset, to, length, value;
	const char *attribute;
	unsigned char data[LARGEST];
};

extern struct differ_arguments arg;

/* What one side did. */
struct outcome {
	long long result;
	int error;
	size_t length;
	unsigned char data[LARGEST + 8];
};

typedef long long (*action)(int side, struct outcome *outcome);

/* ---- differ.c ---- */

uint64_t below(uint64_t limit);
/* Writes the operation at hand into the history. */
void note(const char *format, ...);
/* Carries the operation out on both sides, by whoever `run.user` says, and compares. */
void both(action act);

/* ---- differ-further.c ---- */

void become(int user);
/* Makes both directories everybody's, and root the first to do something. */
void prepare_users(void);
/* Draws one of the rarer operations and carries it out. */
void draw_further(void);

/* ---- differ-actions.c ---- */

/* A name on one side; good until the fourth next call. */
const char *on(int side, const char *name);
/* Names in order, each with its type behind it; how many, or -1. */
int list(const char *path, char **names, int limit);

long long act_open(int side, struct outcome *outcome),
	act_close(int side, struct outcome *outcome),
	act_pread(int side, struct outcome *outcome),
	act_read(int side, struct outcome *outcome),
	act_pwrite(int side, struct outcome *outcome),
	act_write(int side, struct outcome *outcome),
	act_lseek(int side, struct outcome *outcome),
	act_ftruncate(int side, struct outcome *outcome),
	act_truncate(int side, struct outcome *outcome),
	act_fallocate(int side, struct outcome *outcome),
	act_copy(int side, struct outcome *outcome),
	act_sync(int side, struct outcome *outcome),
	act_map(int side, struct outcome *outcome),
	act_fstat(int side, struct outcome *outcome),
	act_stat(int side, struct outcome *outcome),
	act_mkdir(int side, struct outcome *outcome),
	act_rmdir(int side, struct outcome *outcome),
	act_unlink(int side, struct outcome *outcome),
	act_rename(int side, struct outcome *outcome),
	act_link(int side, struct outcome *outcome),
	act_symlink(int side, struct outcome *outcome),
	act_readlink(int side, struct outcome *outcome),
	act_mknod(int side, struct outcome *outcome),
	act_chmod(int side, struct outcome *outcome),
	act_chown(int side, struct outcome *outcome),
	act_utimens(int side, struct outcome *outcome),
	act_access(int side, struct outcome *outcome),
	act_setxattr(int side, struct outcome *outcome),
	act_getxattr(int side, struct outcome *outcome),
	act_removexattr(int side, struct outcome *outcome),
	act_list(int side, struct outcome *outcome),
	act_listxattr(int side, struct outcome *outcome),
	act_contents(int side, struct outcome *outcome);

#endif
