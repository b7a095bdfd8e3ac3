/*
 * The program that runs as /init in a test guest and does what the host asks.
 *
 * The router (router.c) is process 1. It owns the serial port, answers a few commands itself and hands all others to
 * actors (actor.c): processes with handles and locks of their own, so that one may block while the others go on.
 */
#ifndef AGENT_H
#define AGENT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROTOCOL 1
#define MAX_LINE 65536
#define MAX_ARGS 64
#define MAX_ACTORS 64
/* Bytes of file data in one request or reply, as hex. */
#define MAX_DATA 16384

/* ---- line.c: the text on the wire ---- */

struct text {
	char *data;
	size_t length, capacity;
};

uint32_t crc32(const void *data, size_t length);
/* Goes on from the sum of what came before. */
uint32_t crc32_more(uint32_t sum, const void *data, size_t length);
void text_add(struct text *text, const char *format, ...);
/* Adds bytes so that they contain neither blanks nor control characters: %xx for those and for '%' itself. */
void text_escape(struct text *text, const char *bytes, size_t length);
void text_hex(struct text *text, const void *bytes, size_t length);
/* Splits at blanks and undoes the escapes, in place. Returns the number of words, or -1 if there are too many. */
int split_words(char *line, char **words, int limit);
/* Cuts " *crc" off a line; 0 if it was there and right. */
int check_line(char *line);
/* Bytes of a hex word, or -1. */
ssize_t from_hex(const char *hex, unsigned char *bytes, size_t limit);

/* ---- actor.c: one request ---- */

struct call {
	int argc;
	char **argv;
	struct text *reply;
	/* Set when the request itself is wrong; no command was carried out. */
	const char *wrong;
};

typedef int (*command)(struct call *call);

struct command_entry {
	const char *name;
	command run;
	int least, most;
};

/* What an actor is doing, for the router to tell at any time. */
struct progress {
	volatile uint64_t operations, bytes, errors;
};

extern struct progress *progress;
/*
 * An interrupt makes a system call that blocks fail with EINTR. A command that must not have its calls cut short holds
 * interrupts back and looks for one itself.
 */
void hold_interrupts(void);
int interrupt_waits(void);
void release_interrupts(void);

void actor_main(int socket, struct progress *own);

const char *word(struct call *call, int i);
long long number(struct call *call, int i);
/* An optional argument. */
long long number_or(struct call *call, int i, long long otherwise);
void reply_number(struct call *call, const char *key, long long value);
void reply_string(struct call *call, const char *key, const char *value);
void reply_bytes(struct call *call, const char *key, const void *bytes, size_t length);
int wrong(struct call *call, const char *why);

/* ---- handles.c: numbers that the host chooses, for open files ---- */

int handle_set(struct call *call, int i, int fd);
/* The descriptor behind argument i, or -1 with errno EBADF. */
int handle_get(struct call *call, int i);
int handle_close(struct call *call, int i);
int handle_close_number(long long handle);
int handle_set_number(long long handle, int fd);

/* ---- pattern.c: contents that can be told from their place ---- */

void pattern_make(void *buffer, size_t length, uint64_t seed, uint64_t offset);
/* Index of the first byte that differs, or -1. */
ssize_t pattern_check(const void *buffer, size_t length, uint64_t seed, uint64_t offset);
uint64_t random_next(uint64_t *state);
uint64_t random_below(uint64_t *state, uint64_t limit);
uint64_t now_us(void);

/* ---- the commands ---- */

extern const struct command_entry file_commands[], name_commands[], directory_commands[], lock_commands[],
	data_commands[], direct_commands[], load_commands[], differ_commands[], system_commands[];

/* ---- router.c ---- */

void router_main(int port);

#endif
