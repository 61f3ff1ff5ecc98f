// SPDX-License-Identifier: GPL-2.0-only
/*
 * The way out of a host in Bochs: what comes in on standard input goes, after
 * a line that says where it begins, to the port that Bochs copies to its own
 * standard output.
 */
#include <stdio.h>
#include <sys/io.h>
#include <unistd.h>

#define PORT 0xe9

static void send(const char *from, size_t size)
{
	asm volatile("rep outsb" : "+S"(from), "+c"(size) : "d"(PORT) : "memory");
}

int main(void)
{
	static const char mark[] = "\nhv-host results follow\n";
	static char buffer[1 << 16];
	ssize_t got;

	if (ioperm(PORT, 1, 1)) {
		perror("send: ioperm");
		return 1;
	}
	send(mark, sizeof(mark) - 1);
	while ((got = read(0, buffer, sizeof(buffer))) > 0)
		send(buffer, got);
	return got < 0;
}
