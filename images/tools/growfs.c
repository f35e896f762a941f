/*
 * growfs MOUNTPOINT DEVICE
 *
 * Grows the mounted ext4 file system on DEVICE to the device's size, if that is bigger. Prints nothing when all is well.
 * Status 0: it fills its device. 1: it could not be grown, and standard error says why.
 *
 * Alpine's minirootfs has no resize2fs, so this does the part of it that a mounted file system needs: the kernel does the
 * work. There is no C library: this has to run in every i386 root file system, and starting it must cost next to nothing.
 *
 * A new group's inode table is zeroed at once, later by a kernel thread, or never. A disk that was just made longer reads as zeros there,
 * so writing them would only make its file bigger, by a thirty-second of the growth. The kernel leaves it to its thread when the
 * option init_itable is set while it grows (fs/ext4/resize.c, ext4_setup_next_flex_gd), and the thread does not run with noinit_itable.
 */

typedef unsigned int u32;
typedef unsigned long long u64;

/* arch/x86/entry/syscalls/syscall_32.tbl */
enum { EXIT = 1, WRITE = 4, OPEN = 5, MOUNT = 21, IOCTL = 54, PREAD64 = 180, FSTAT64 = 197, STATFS64 = 268 };

/* include/uapi/linux/fs.h, mount.h, ext4.h */
#define O_CLOEXEC 02000000u
#define O_DIRECTORY 0200000u
#define BLKGETSIZE64 0x80041272u
#define EXT4_IOC_RESIZE_FS 0x40086610u
#define MS_REMOUNT 32u
#define MS_SILENT 0x8000u
/* Read-only, nosuid, nodev, noexec, sync: the same bits in statfs and mount. Remounting keeps the options on access times by itself. */
#define KEPT_FLAGS 31u

/* The ext4 superblock's place and fields (Documentation/filesystems/ext4/super.rst). */
enum { SUPERBLOCK = 1024, BLOCKS_LOW = 4, LOG_BLOCK_SIZE = 24, MAGIC = 56, INCOMPATIBLE = 96, BLOCKS_HIGH = 336 };
#define EXT4_MAGIC 0xef53u
#define INCOMPATIBLE_64BIT 0x80u
#define LOG_BLOCK_SIZE_MAX 6u

static unsigned char super[1024];

struct statfs64 {
	u32 before[16];
	u32 flags;
	u32 spare[4];
} __attribute__((packed, aligned(4)));

/* arch/x86/include/uapi/asm/stat.h: struct stat64 */
struct stat64 {
	u64 device;
	u32 between[6];
	u64 represents;
	u32 after[14];
} __attribute__((packed, aligned(4)));

static int call(int number, u32 a, u32 b, u32 c, u32 d, u32 e)
{
	int result;
	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "0"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
			 : "memory");
	return result;
}

#define POINTER(x) ((u32)(x))

static void say(const char *text)
{
	u32 length = 0;

	while (text[length])
		length++;
	call(WRITE, 2, POINTER(text), length, 0, 0);
}

static int fail(const char *what, const char *which, int error)
{
	char digits[12], *at = digits + sizeof digits;
	u32 left = error < 0 ? -error : error;

	*--at = 0;
	*--at = '\n';
	do
		*--at = '0' + left % 10;
	while (left /= 10);
	say("growfs: ");
	say(which);
	say(what);
	say(": error ");
	say(at);
	return 1;
}

static u32 field(u32 at)
{
	return *(const u32 *)(super + at);
}

static int remount(const char *mountpoint, u32 flags, const char *option)
{
	return call(MOUNT, 0, POINTER(mountpoint), 0, MS_REMOUNT | MS_SILENT | (flags & KEPT_FLAGS), POINTER(option));
}

static int grow(const char *mountpoint, int device, u64 blocks)
{
	struct statfs64 status;
	struct stat64 mounted, disk;
	int directory, error;

	directory = call(OPEN, POINTER(mountpoint), O_DIRECTORY | O_CLOEXEC, 0, 0, 0);
	if (directory < 0)
		return fail(" can't be opened", mountpoint, directory);
	error = call(FSTAT64, directory, POINTER(&mounted), 0, 0, 0) | call(FSTAT64, device, POINTER(&disk), 0, 0, 0);
	if (error < 0 || mounted.device != disk.represents)
		return fail(" is not where the device is mounted", mountpoint, error);
	error = call(STATFS64, POINTER(mountpoint), sizeof status, POINTER(&status), 0, 0);
	if (error < 0)
		return fail(" can't be looked at", mountpoint, error);
	/* Should this fail, growing is slower and that is all. */
	remount(mountpoint, status.flags, "init_itable");
	error = call(IOCTL, directory, EXT4_IOC_RESIZE_FS, POINTER(&blocks), 0, 0);
	remount(mountpoint, status.flags, "noinit_itable");
	return error < 0 ? fail(" can't be grown", mountpoint, error) : 0;
}

static int work(int count, char **arguments)
{
	u64 bytes, have;
	int device, error;
	u32 shift;

	if (count != 3) {
		say("usage: growfs MOUNTPOINT DEVICE\n");
		return 1;
	}
	device = call(OPEN, POINTER(arguments[2]), O_CLOEXEC, 0, 0, 0);
	if (device < 0)
		return fail(" can't be opened", arguments[2], device);
	error = call(IOCTL, device, BLKGETSIZE64, POINTER(&bytes), 0, 0);
	if (error < 0)
		return fail(" has no size", arguments[2], error);
	error = call(PREAD64, device, POINTER(super), sizeof super, SUPERBLOCK, 0);
	if (error != sizeof super)
		return fail(" can't be read", arguments[2], error);
	shift = field(LOG_BLOCK_SIZE);
	if ((field(MAGIC) & 0xffff) != EXT4_MAGIC || shift > LOG_BLOCK_SIZE_MAX)
		return fail(" has no ext4 file system", arguments[2], 0);
	have = field(BLOCKS_LOW);
	if (field(INCOMPATIBLE) & INCOMPATIBLE_64BIT)
		have |= (u64)field(BLOCKS_HIGH) << 32;
	bytes >>= 10 + shift;
	return bytes <= have ? 0 : grow(arguments[1], device, bytes);
}

/* The kernel leaves the number of arguments and then their addresses on the stack. */
__attribute__((used)) static void begin(u32 *stack)
{
	call(EXIT, work((int)stack[0], (char **)(stack + 1)), 0, 0, 0, 0);
	__builtin_unreachable();
}

__asm__(".globl _start\n_start:\n\tmovl %esp, %eax\n\tandl $-16, %esp\n\tpushl %eax\n\tpushl %eax\n\tpushl %eax\n\tpushl %eax\n\tcall begin\n");
