/* Power goes: the file system of a folder forgets what was not flushed (EXT4_IOC_SHUTDOWN without the log). */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>

int main(int count, char **arguments)
{
    uint32_t without_flush = 2;
    int folder = count > 1 ? open(arguments[1], O_RDONLY | O_DIRECTORY) : -1;
    if (folder < 0 || ioctl(folder, 0x8004587d, &without_flush) != 0) {
        perror("shutdown");
        return 1;
    }
    return 0;
}
