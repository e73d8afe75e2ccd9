// The program of the image hello-world: says what happened, from inside.
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

// The calling user's own id on the host: what user 0 in here is outside.
static long outside_id(void) {
    long inside = -1, outside = -1, count = 0;
    FILE* map = fopen("/proc/self/uid_map", "re");
    if (!map) return -1;
    if (fscanf(map, "%ld %ld %ld", &inside, &outside, &count) != 3) outside = -1;
    fclose(map);
    return outside;
}

int main(void) {
    struct utsname host;
    if (uname(&host) != 0) memset(&host, 0, sizeof host);
    printf("Hello from a bolt container.\n\n");
    printf("What just happened, without a daemon:\n");
    printf(" 1. bolt found the image, wrote a record of a container, and started a small monitor.\n");
    printf(" 2. The monitor made namespaces and a root file system for process %d, which is this program.\n", (int)getpid());
    long const outside = outside_id();
    if (outside > 0)
        printf(" 3. In here you are user %d; on the host that is user %ld, who has no more rights than before.\n", (int)getuid(), outside);
    else
        printf(" 3. In here you are user %d, and on the host as well.\n", (int)getuid());
    printf(" 4. This text went to the monitor, which logs it, and on to your terminal.\n\n");
    printf("Host name in here: %s. Kernel: %s %s.\n", host.nodename, host.sysname, host.release);
    printf("Next: bolt run --rm -it bolt://shell\n");
    return 0;
}
