#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static void mount_at(const char *type, const char *path, const char *options)
{
	mkdir(path, 0755);
	if (mount(type, path, type, 0, options) < 0)
		fprintf(stderr, "agent: mounting %s at %s: %s\n", type, path, strerror(errno));
}

static int kernel_was_told(const char *what)
{
	static char line[4096];
	int fd = open("/proc/cmdline", O_RDONLY);
	ssize_t length = read(fd, line, sizeof line - 1);

	close(fd);
	return length > 0 && strstr(line, what) != NULL;
}

static int open_port(const char *path)
{
	struct termios settings;
	int port = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	if (port < 0) {
		fprintf(stderr, "agent: %s: %s\n", path, strerror(errno));
		return -1;
	}
	tcgetattr(port, &settings);
	cfmakeraw(&settings);
	cfsetspeed(&settings, B4000000);
	/* What came for the boot before, and its echo, ends here. */
	tcsetattr(port, TCSAFLUSH, &settings);
	return port;
}

int main(void)
{
	int port;

	umask(0);
	mount_at("devtmpfs", "/dev", "");
	mount_at("proc", "/proc", "");
	mount_at("sysfs", "/sys", "");
	mount_at("tmpfs", "/ram", "size=75%,mode=1777");
	mkdir("/mnt", 0755);
	setenv("PATH", "/bin", 1);
	if (kernel_was_told("ferry.probe")) {
		fprintf(stderr, "agent: this machine runs a guest\n");
		reboot(RB_AUTOBOOT);
	}
	port = open_port("/dev/ttyS1");
	if (port >= 0)
		router_main(port);
	reboot(RB_AUTOBOOT);
	return 1;
}
