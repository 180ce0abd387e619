/* Makes every flush to disk take longer: fsync and fdatasync first wait BENCH_FLUSH_DELAY_US microseconds, then do their work.
 * Loaded into a server with LD_PRELOAD, so that a machine whose disk answers in 0.1 ms can stand for one that takes 4 ms. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct timespec delay;

__attribute__((constructor)) static void read_delay(void) {
    const char *text = getenv("BENCH_FLUSH_DELAY_US");
    long microseconds = text ? atol(text) : 0;
    delay.tv_sec = microseconds / 1000000;
    delay.tv_nsec = microseconds % 1000000 * 1000;
}

static void wait_for_disk(void) {
    struct timespec left = delay;
    while (nanosleep(&left, &left) == -1 && errno == EINTR) {
    }
}

int fsync(int file) {
    wait_for_disk();
    return (int)syscall(SYS_fsync, file);
}

int fdatasync(int file) {
    wait_for_disk();
    return (int)syscall(SYS_fdatasync, file);
}
