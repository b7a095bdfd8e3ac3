/* Commands on the machine itself. */
#define _GNU_SOURCE
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* mount type source path [options] */
static int do_mount(struct call *call)
{
	mkdir(word(call, 2), 0755);
	return mount(word(call, 1), word(call, 2), word(call, 0), 0, word(call, 3));
}

/* umount path [flags] */
static int do_umount(struct call *call)
{
	return umount2(word(call, 0), number_or(call, 1, 0));
}

/* put path text: one write to a file that is there, as the kernel's own want it */
static int do_put(struct call *call)
{
	const char *text = word(call, 1);
	int fd = open(word(call, 0), O_WRONLY | O_TRUNC);
	ssize_t written;
	int error;

	if (fd < 0)
		return -1;
	written = write(fd, text, strlen(text));
	error = errno;
	close(fd);
	errno = error;
	return written < 0 ? -1 : 0;
}

/* get path: the beginning of a file, as text */
static int do_get(struct call *call)
{
	static char text[8192];
	int fd = open(word(call, 0), O_RDONLY);
	ssize_t length;
	int error;

	if (fd < 0)
		return -1;
	length = read(fd, text, sizeof text - 1);
	error = errno;
	close(fd);
	errno = error;
	if (length < 0)
		return -1;
	text[length] = 0;
	reply_string(call, "text", text);
	return 0;
}

/* sh script: its exit status, and the beginning of what it said */
static int do_sh(struct call *call)
{
	static char text[16384], rest[512];
	size_t length = 0;
	ssize_t got;
	int status, pipes[2];
	pid_t child;

	if (pipe(pipes) < 0)
		return -1;
	child = fork();
	if (child == 0) {
		dup2(pipes[1], 1);
		dup2(pipes[1], 2);
		close(pipes[0]);
		close(pipes[1]);
		execl("/bin/sh", "sh", "-c", word(call, 0), (char *)NULL);
		_exit(127);
	}
	close(pipes[1]);
	if (child < 0) {
		close(pipes[0]);
		return -1;
	}
	for (;;) {
		size_t room = sizeof text - 1 - length;

		got = room ? read(pipes[0], text + length, room) : read(pipes[0], rest, sizeof rest);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		length += room ? got : 0;
	}
	close(pipes[0]);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	text[length] = 0;
	reply_number(call, "status", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	reply_string(call, "output", text);
	return 0;
}

const struct command_entry system_commands[] = {
	{ "mount", do_mount, 3, 4 },
	{ "umount", do_umount, 1, 2 },
	{ "put", do_put, 2, 2 },
	{ "get", do_get, 1, 1 },
	{ "sh", do_sh, 1, 1 },
	{ 0 },
};
