// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command line of hv, and the order in which a guest comes to life.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../uapi/hv.h"
#include "snapshot.h"
#include "virtio.h"

#define MEMORY_DEFAULT	(256 * MIB)

static const char help[] =
"usage: hv run --kernel FILE [OPTION...]   run a Linux guest on this terminal\n"
"       hv restore FILE [OPTION...]        run a guest on from a snapshot\n"
"       hv snapshot SOCKET FILE            keep a running guest in a file\n"
"       hv pause|resume|stop|status SOCKET\n"
"       hv version                         print the version\n"
"       hv --help | hv run --help          print help\n"
"\n"
"hv runs virtual machines through " HV_DEV_PATH " (the hv module) or /dev/kvm.\n"
"See hv(1).\n";

static const char run_help[] =
"usage: hv run --kernel FILE [OPTION...]\n"
"\n"
"Runs a Linux guest; its serial console is this terminal.\n"
"\n"
"  -k, --kernel FILE   kernel: a 64-bit bzImage (vmlinuz) or a PVH ELF vmlinux\n"
"  -i, --initrd FILE   initial RAM disk\n"
"  -a, --append ARGS   kernel parameters, after hv's own \"console=ttyS0 panic=-1\"\n"
"  -m, --memory SIZE   guest memory: 256, 256M or 1G (default 256M)\n"
"  -c, --cpus N        number of CPUs (default 1)\n"
"  -b, --disk FILE     a raw image or block device; \",ro\" after it: read-only;\n"
"                      repeatable: the guest's /dev/vda, vdb, ...\n"
"  -n, --net TAP       a network card on this tap interface; repeatable\n"
"      --vsock CID     sockets to the host (AF_VSOCK), the guest's number there\n"
"      --rng           a source of random numbers for the guest\n"
"  -d, --device PATH   device that speaks the KVM API (default " HV_DEV_PATH ")\n"
"      --control PATH  socket for hv pause, resume, stop, status and snapshot\n"
"      --no-sandbox    keep privileges and all system calls while the guest runs\n"
"  -h, --help          this text\n"
"\n"
"Keys: Ctrl-C and all others go to the guest, except\n"
"  Ctrl-A x            end the guest and leave\n"
"  Ctrl-A h            help\n"
"  Ctrl-A Ctrl-A       send Ctrl-A to the guest\n"
"\n"
"Exit status: 0 the guest powered off; 1 it could not be started; 120 it asked\n"
"for a reboot (a panic does); 121 triple fault; 122 the hypervisor gave up;\n"
"123 left with Ctrl-A x; 128+N ended by signal N; or the byte that the guest\n"
"wrote to port 0xf4.\n";

static void vcomplain(const char *fmt, va_list ap)
{
	char line[1024];

	/* One write, so that threads do not mix their lines. */
	vsnprintf(line, sizeof(line), fmt, ap);
	fprintf(stderr, "hv: %s\n", line);
}

void complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vcomplain(fmt, ap);
	va_end(ap);
}

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vcomplain(fmt, ap);
	va_end(ap);
	exit(HV_EXIT_SETUP);
}

/* A whole decimal number, with nothing before it; its end in `rest`. */
static u64 parse_number(const char *option, const char *arg, char **rest)
{
	u64 n;

	errno = 0;
	n = strtoull(arg, rest, 10);
	if (*arg < '0' || *arg > '9' || errno)
		die("%s %s: not a number (see hv run --help)", option, arg);
	return n;
}

static u64 parse_memory(const char *arg)
{
	char *rest;
	u64 n = parse_number("--memory", arg, &rest), unit = MIB;

	if (*rest == 'G' || *rest == 'g')
		unit = GIB;
	if (*rest && (!strchr("MmGg", *rest) || rest[1]))
		die("--memory %s: unknown unit (write 256, 256M or 1G)", arg);
	if (!n || n > MEMORY_MAX / unit)
		die("--memory %s: out of range (from 1M to %lluG)", arg,
		    (unsigned long long)(MEMORY_MAX / GIB));
	return n * unit;
}

static unsigned int parse_cpus(const char *arg)
{
	char *rest;
	u64 n = parse_number("--cpus", arg, &rest);

	if (*rest || !n || n > CPUS_MAX)
		die("--cpus %s: out of range (from 1 to %d)", arg, CPUS_MAX);
	return n;
}

static u32 parse_cid(const char *arg)
{
	char *rest;
	u64 n = parse_number("--vsock", arg, &rest);

	if (*rest || n < 3 || n >= UINT32_MAX)
		die("--vsock %s: out of range (from 3; the host is 2)", arg);
	return n;
}

static const struct run_options defaults = {
	.device = HV_DEV_PATH,
	.memory = MEMORY_DEFAULT,
	.cpus = 1,
	.sandbox = true,
};

static void parse_run(int argc, char **argv, struct run_options *opt)
{
	static const struct option longs[] = {
		{ "kernel", required_argument, NULL, 'k' },
		{ "initrd", required_argument, NULL, 'i' },
		{ "append", required_argument, NULL, 'a' },
		{ "memory", required_argument, NULL, 'm' },
		{ "cpus", required_argument, NULL, 'c' },
		{ "disk", required_argument, NULL, 'b' },
		{ "net", required_argument, NULL, 'n' },
		{ "vsock", required_argument, NULL, 'V' },
		{ "rng", no_argument, NULL, 'R' },
		{ "device", required_argument, NULL, 'd' },
		{ "control", required_argument, NULL, 'C' },
		{ "no-sandbox", no_argument, NULL, 'S' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, ":k:i:a:m:c:b:n:d:h", longs, NULL)) != -1) {
		switch (c) {
		case 'k':
			opt->kernel = optarg;
			break;
		case 'i':
			opt->initrd = optarg;
			break;
		case 'a':
			opt->append = optarg;
			break;
		case 'm':
			opt->memory = parse_memory(optarg);
			break;
		case 'c':
			opt->cpus = parse_cpus(optarg);
			break;
		case 'b':
			if (opt->nr_disks == DISKS_MAX)
				die("--disk: at most %d", DISKS_MAX);
			opt->disk[opt->nr_disks++] = optarg;
			break;
		case 'n':
			if (opt->nr_nets == NETS_MAX)
				die("--net: at most %d", NETS_MAX);
			opt->net[opt->nr_nets++] = optarg;
			break;
		case 'V':
			opt->vsock = parse_cid(optarg);
			break;
		case 'R':
			opt->rng = true;
			break;
		case 'd':
			opt->device = optarg;
			break;
		case 'C':
			opt->control = optarg;
			break;
		case 'S':
			opt->sandbox = false;
			break;
		case 'h':
			fputs(run_help, stdout);
			exit(0);
		case ':':
			die("%s: needs a value (see hv run --help)",
			    argv[optind - 1]);
		default:
			die("%s: unknown option (see hv run --help)",
			    argv[optind - 1]);
		}
	}
	if (optind < argc)
		die("%s: not an option (see hv run --help)", argv[optind]);
}

/* The machine is built: let it run, on this terminal, to its end. */
static int run_machine(struct vm *vm, const struct run_options *opt)
{
	if (opt->sandbox)
		sandbox_drop_privileges();
	virtio_start(vm);
	vcpus_start(vm);
	if (opt->sandbox)
		sandbox_enter(opt);
	vcpus_go(vm);
	console_run(vm);
	vcpus_join(vm);
	virtio_join(vm);
	control_close(vm);
	console_close(vm);
	return atomic_load(&vm->status);
}

static void add_devices(struct vm *vm, const struct run_options *opt)
{
	unsigned int i;

	console_init(vm);
	dev_rtc_add(vm);
	dev_i8042_add(vm);
	dev_pci_add(vm);
	dev_power_add(vm);
	if (opt->rng)
		virtio_rng_add(vm);
	for (i = 0; i < opt->nr_disks; i++)
		virtio_blk_add(vm, opt->disk[i]);
	for (i = 0; i < opt->nr_nets; i++)
		virtio_net_add(vm, opt->net[i]);
	if (opt->vsock)
		virtio_vsock_add(vm, opt->vsock);
	if (opt->control)
		control_init(vm, opt->control);
}

static int run(int argc, char **argv)
{
	struct run_options opt = defaults;
	struct boot_entry entry;
	static struct vm vm;

	parse_run(argc, argv, &opt);
	if (!opt.kernel)
		die("run: no kernel given (say --kernel FILE)");
	vm_create(&vm, &opt, NULL);
	boot_load(&vm, &opt, &entry);
	add_devices(&vm, &opt);
	vcpus_create(&vm, &entry);
	return run_machine(&vm, &opt);
}

/* What a snapshot fixes cannot be chosen again. */
static bool fits_restore(const struct run_options *opt)
{
	return !opt->kernel && !opt->initrd && !opt->append &&
	       opt->memory == defaults.memory && opt->cpus == defaults.cpus;
}

static int restore(int argc, char **argv)
{
	struct run_options opt = defaults;
	struct snapshot from;
	static struct vm vm;

	if (argc < 2 || argv[1][0] == '-')
		die("usage: hv restore FILE [OPTION...] (the guest's devices, --device, --control, --no-sandbox)");
	parse_run(argc - 1, argv + 1, &opt);
	if (!fits_restore(&opt))
		die("restore: the snapshot says kernel, memory and CPUs (only the devices, --device, --control and --no-sandbox fit)");
	snapshot_open(&from, argv[1]);
	opt.memory = from.memory;
	opt.cpus = from.cpus;
	vm_create(&vm, &opt, &from);
	add_devices(&vm, &opt);
	vcpus_create(&vm, NULL);
	state_load(&vm, &from.state);
	free(from.state.p);
	close(from.fd);
	return run_machine(&vm, &opt);
}

int main(int argc, char **argv)
{
	static const char * const clients[] = {
		"pause", "resume", "stop", "status", "snapshot",
	};
	const char *command = argc > 1 ? argv[1] : "";
	size_t i;

	if (!strcmp(command, "run"))
		return run(argc - 1, argv + 1);
	if (!strcmp(command, "restore"))
		return restore(argc - 1, argv + 1);
	for (i = 0; i < ARRAY_SIZE(clients); i++)
		if (!strcmp(command, clients[i]))
			return client(argc - 1, argv + 1);
	if (!strcmp(command, "version") || !strcmp(command, "--version")) {
		puts("hv " HV_VERSION);
		return 0;
	}
	if (!strcmp(command, "help") || !strcmp(command, "--help") ||
	    !strcmp(command, "-h")) {
		fputs(help, stdout);
		return 0;
	}
	if (!*command)
		die("no command given (try hv --help)");
	die("%s: unknown command (try hv --help)", command);
}
