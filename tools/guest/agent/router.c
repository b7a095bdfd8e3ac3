#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/*
 * Requests come as "id actor command args… *crc". The host repeats one that it has no answer to, because a line may be
 * lost or torn when the machine moves: an id that is known is not carried out again, its answer is sent again.
 */
#define REMEMBERED 512

struct remembered {
	uint64_t id;
	int actor;
	char *answer; /* NULL while it is being carried out */
};

struct actor {
	pid_t pid;
	int socket;
};

static int port;
static struct text output;
static struct remembered remembered[REMEMBERED];
static int next_remembered;
static struct actor actors[MAX_ACTORS];
static struct progress *progresses;

static struct {
	uint64_t period, next, last, longest, count;
} beat;

static void flush_output(int wait)
{
	while (output.length) {
		ssize_t written = write(port, output.data, output.length);

		if (written > 0) {
			memmove(output.data, output.data + written, output.length - written);
			output.length -= written;
		} else {
			struct pollfd ready = { port, POLLOUT, 0 };

			if (!wait)
				return;
			poll(&ready, 1, 100);
		}
	}
}

static void emit(const char *line)
{
	if (output.length > 4 * MAX_LINE)
		flush_output(1);
	text_add(&output, "%s *%08x\n", line, crc32(line, strlen(line)));
	flush_output(0);
}

static struct remembered *recall(uint64_t id)
{
	for (int i = 0; i < REMEMBERED; i++)
		if (remembered[i].id == id)
			return &remembered[i];
	return NULL;
}

static struct remembered *remember(uint64_t id, int actor)
{
	struct remembered *slot;

	do
		slot = &remembered[next_remembered++ % REMEMBERED];
	while (slot->id && slot->answer == NULL);
	free(slot->answer);
	*slot = (struct remembered){ id, actor, NULL };
	return slot;
}

static void answer(uint64_t id, const char *line)
{
	struct remembered *slot = recall(id);

	if (slot && slot->answer == NULL)
		slot->answer = strdup(line);
	emit(line);
}

static void answer_for(uint64_t id, const char *result)
{
	static char line[512];

	snprintf(line, sizeof line, "%llu %s", (unsigned long long)id, result);
	answer(id, line);
}

static int start_actor(int number)
{
	struct actor *actor = &actors[number];
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	memset(&progresses[number], 0, sizeof progresses[number]);
	actor->pid = fork();
	if (actor->pid == 0) {
		close(pair[0]);
		close(port);
		for (int i = 0; i < MAX_ACTORS; i++)
			if (actors[i].pid && i != number)
				close(actors[i].socket);
		actor_main(pair[1], &progresses[number]);
	}
	close(pair[1]);
	actor->socket = pair[0];
	return actor->pid < 0 ? -1 : 0;
}

static void end_actor(int number)
{
	kill(actors[number].pid, SIGKILL);
	waitpid(actors[number].pid, NULL, 0);
	close(actors[number].socket);
	actors[number].pid = 0;
	for (int i = 0; i < REMEMBERED; i++)
		if (remembered[i].id && remembered[i].actor == number && remembered[i].answer == NULL)
			answer_for(remembered[i].id, "wrong the%20actor%20has%20ended");
}

static void hear_actor(int number)
{
	static char line[MAX_LINE * 2];
	ssize_t length = recv(actors[number].socket, line, sizeof line - 1, MSG_DONTWAIT);

	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (length <= 0) {
		end_actor(number);
		return;
	}
	line[length] = 0;
	answer(strtoull(line, NULL, 10), line);
}

/* Another one after every boot. */
static uint64_t boot_number(void)
{
	static uint64_t boot;

	if (boot == 0) {
		int fd = open("/proc/sys/kernel/random/uuid", O_RDONLY);
		char text[37] = "";

		read(fd, text, 8);
		close(fd);
		boot = strtoul(text, NULL, 16);
	}
	return boot;
}

static void hello(void)
{
	static char line[512];
	struct utsname name;

	uname(&name);
	/* An end for what was said before this process had the port */
	text_add(&output, "\n");
	snprintf(line, sizeof line, "!hello protocol=%d boot=%llu kernel=%s uptime=%llu", PROTOCOL,
		 (unsigned long long)boot_number(), name.release, (unsigned long long)now_us());
	emit(line);
}

static void set_beat(uint64_t period)
{
	beat.period = period;
	beat.last = now_us();
	beat.next = beat.last + period;
	beat.longest = beat.count = 0;
}

static void beat_if_due(void)
{
	static char line[128];
	uint64_t now = now_us();

	if (beat.period == 0 || now < beat.next)
		return;
	if (now - beat.last > beat.longest)
		beat.longest = now - beat.last;
	beat.last = now;
	beat.next = now + beat.period;
	snprintf(line, sizeof line, "!beat %llu %llu", (unsigned long long)++beat.count, (unsigned long long)now);
	if (output.length < MAX_LINE)
		emit(line);
}

/* Commands for actor 0 are the router's own. */
static void own_command(uint64_t id, char *rest)
{
	char *words[8], result[256];
	int count = split_words(rest, words, 8);
	long long argument = count > 1 ? atoll(words[1]) : 0;
	int known = argument > 0 && argument < MAX_ACTORS;

	strcpy(result, "ok");
	if (strcmp(words[0], "ping") == 0) {
		snprintf(result, sizeof result, "ok monotonic=%llu", (unsigned long long)now_us());
	} else if (strcmp(words[0], "hello") == 0) {
		hello();
	} else if (strcmp(words[0], "beat") == 0) {
		set_beat(argument);
	} else if (strcmp(words[0], "gap") == 0) {
		snprintf(result, sizeof result, "ok longest=%llu count=%llu", (unsigned long long)beat.longest,
			 (unsigned long long)beat.count);
	} else if (strcmp(words[0], "interrupt") == 0 && known) {
		if (actors[argument].pid)
			kill(actors[argument].pid, SIGUSR1);
	} else if (strcmp(words[0], "end") == 0 && known) {
		if (actors[argument].pid)
			end_actor(argument);
	} else if (strcmp(words[0], "progress") == 0 && known) {
		struct progress *at = &progresses[argument];

		snprintf(result, sizeof result, "ok operations=%llu bytes=%llu errors=%llu",
			 (unsigned long long)at->operations, (unsigned long long)at->bytes,
			 (unsigned long long)at->errors);
	} else if (strcmp(words[0], "reboot") == 0) {
		answer_for(id, "ok");
		/* A repeated request that comes after the boot it asked for asks for nothing more. */
		if (count > 1 && strtoull(words[1], NULL, 10) != boot_number())
			return;
		flush_output(1);
		tcdrain(port);
		reboot(RB_AUTOBOOT);
	} else {
		strcpy(result, "wrong there%20is%20no%20such%20command%20or%20actor");
	}
	answer_for(id, result);
}

static void request(char *line)
{
	char *end;
	uint64_t id;
	int number;
	struct remembered *known;
	struct text forward = { 0 };

	if (check_line(line) < 0)
		return;
	id = strtoull(line, &end, 10);
	number = strtol(end, &end, 10);
	if (id == 0 || *end != ' ' || number < 0 || number >= MAX_ACTORS)
		return;
	known = recall(id);
	if (known) {
		if (known->answer)
			emit(known->answer);
		return;
	}
	remember(id, number);
	if (number == 0) {
		own_command(id, end + 1);
		return;
	}
	if (actors[number].pid == 0 && start_actor(number) < 0) {
		answer_for(id, "wrong no%20further%20process%20could%20be%20started");
		return;
	}
	text_add(&forward, "%llu%s", (unsigned long long)id, end);
	if (send(actors[number].socket, forward.data, forward.length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		answer_for(id, "wrong the%20actor%20has%20too%20many%20requests%20waiting");
	free(forward.data);
}

static void hear_port(void)
{
	static char line[MAX_LINE];
	static size_t length;
	ssize_t got = read(port, line + length, sizeof line - 1 - length);
	char *start = line, *end;

	if (got <= 0)
		return;
	length += got;
	while ((end = memchr(start, '\n', line + length - start))) {
		*end = 0;
		request(start);
		start = end + 1;
	}
	length -= start - line;
	memmove(line, start, length);
	if (length == sizeof line - 1)
		length = 0;
}

static int milliseconds_to_beat(void)
{
	uint64_t now = now_us();

	if (beat.period == 0)
		return 1000;
	return now >= beat.next ? 0 : (beat.next - now + 999) / 1000;
}

void router_main(int serial)
{
	struct pollfd polled[1 + MAX_ACTORS];
	int numbers[1 + MAX_ACTORS];

	port = serial;
	progresses = mmap(NULL, MAX_ACTORS * sizeof *progresses, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			  -1, 0);
	signal(SIGPIPE, SIG_IGN);
	hello();
	for (;;) {
		int count = 1;

		polled[0] = (struct pollfd){ port, POLLIN | (output.length ? POLLOUT : 0), 0 };
		for (int i = 0; i < MAX_ACTORS; i++)
			if (actors[i].pid) {
				numbers[count] = i;
				polled[count++] = (struct pollfd){ actors[i].socket, POLLIN, 0 };
			}
		poll(polled, count, milliseconds_to_beat());
		beat_if_due();
		if (polled[0].revents & POLLOUT)
			flush_output(0);
		if (polled[0].revents & POLLIN)
			hear_port();
		for (int i = 1; i < count; i++)
			if (polled[i].revents && actors[numbers[i]].pid)
				hear_actor(numbers[i]);
		/* Actors' orphans come to process 1; the actors themselves are told by their sockets. */
		for (siginfo_t info = { 0 }; waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid; info.si_pid = 0) {
			int number = 0;

			for (int i = 1; i < MAX_ACTORS; i++)
				if (actors[i].pid == info.si_pid)
					number = i;
			if (number)
				end_actor(number);
			else
				waitpid(info.si_pid, NULL, 0);
		}
	}
}
