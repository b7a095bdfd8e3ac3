#include "agent.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct progress *progress;

static const struct command_entry *const tables[] = {
	file_commands, name_commands,	directory_commands, lock_commands,   data_commands,
	direct_commands, load_commands, differ_commands,    system_commands, NULL,
};

const char *word(struct call *call, int i)
{
	return i < call->argc ? call->argv[i] : "";
}

long long number(struct call *call, int i)
{
	char *end;
	long long value = strtoll(word(call, i), &end, 0);

	if (*end || end == word(call, i))
		wrong(call, "a number was expected");
	return value;
}

long long number_or(struct call *call, int i, long long otherwise)
{
	return i < call->argc ? number(call, i) : otherwise;
}

int wrong(struct call *call, const char *why)
{
	if (call->wrong == NULL)
		call->wrong = why;
	errno = EINVAL;
	return -1;
}

void reply_number(struct call *call, const char *key, long long value)
{
	text_add(call->reply, " %s=%lld", key, value);
}

void reply_string(struct call *call, const char *key, const char *value)
{
	text_add(call->reply, " %s=", key);
	text_escape(call->reply, value, strlen(value));
}

void reply_bytes(struct call *call, const char *key, const void *bytes, size_t length)
{
	text_add(call->reply, " %s=", key);
	text_hex(call->reply, bytes, length);
}

static const struct command_entry *find_command(const char *name)
{
	for (int t = 0; tables[t]; t++)
		for (const struct command_entry *entry = tables[t]; entry->name; entry++)
			if (strcmp(entry->name, name) == 0)
				return entry;
	return NULL;
}

/* "id command args…" in, "id ok key=value…", "id error number message" or "id wrong why" out. */
static void carry_out(char *request, struct text *reply)
{
	static char *words[MAX_ARGS];
	int count = split_words(request, words, MAX_ARGS);
	struct call call = { count - 2, words + 2, reply, NULL };
	const struct command_entry *entry = count < 2 ? NULL : find_command(words[1]);
	int failed;

	reply->length = 0;
	text_add(reply, "%s ok", words[0]);
	errno = 0;
	if (entry == NULL)
		failed = wrong(&call, "there is no such command");
	else if (call.argc < entry->least || call.argc > entry->most)
		failed = wrong(&call, "wrong number of arguments");
	else
		failed = entry->run(&call) < 0;
	if (call.wrong) {
		reply->length = 0;
		text_add(reply, "%s wrong ", words[0]);
		text_escape(reply, call.wrong, strlen(call.wrong));
	} else if (failed) {
		int error = errno;

		reply->length = 0;
		text_add(reply, "%s error %d ", words[0], error);
		text_escape(reply, strerror(error), strlen(strerror(error)));
	}
}

static void interrupt(int signal)
{
	(void)signal;
}

static void mask_interrupts(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(how, &set, NULL);
}

void hold_interrupts(void)
{
	mask_interrupts(SIG_BLOCK);
}

void release_interrupts(void)
{
	mask_interrupts(SIG_UNBLOCK);
}

int interrupt_waits(void)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, SIGUSR1);
}

void actor_main(int socket, struct progress *own)
{
	static char request[MAX_LINE];
	struct sigaction action = { .sa_handler = interrupt };
	struct rlimit files = { 65536, 65536 };
	struct text reply = { 0 };

	progress = own;
	sigaction(SIGUSR1, &action, NULL);
	setrlimit(RLIMIT_NOFILE, &files);
	prctl(PR_SET_NAME, "actor");
	for (;;) {
		ssize_t length = recv(socket, request, sizeof request - 1, 0);

		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0)
			_exit(0);
		request[length] = 0;
		carry_out(request, &reply);
		while (send(socket, reply.data, reply.length, 0) < 0 && errno == EINTR)
			;
	}
}
