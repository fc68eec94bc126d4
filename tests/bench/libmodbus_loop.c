/* Reads registers over and over with libmodbus and prints what that cost.
 *
 *     libmodbus_loop PORT REGISTERS SECONDS
 *
 * prints the polls made and the CPU seconds of this process for them. The prototypes stand here so
 * that the library alone is enough, without its header package.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct _modbus modbus_t;
modbus_t *modbus_new_tcp(const char *ip, int port);
int modbus_connect(modbus_t *link);
int modbus_read_registers(modbus_t *link, int start, int count, uint16_t *into);
void modbus_close(modbus_t *link);
void modbus_free(modbus_t *link);

#define MOST 125

static double seconds_of(clockid_t which)
{
    struct timespec now;
    clock_gettime(which, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    const int registers = atoi(argv[2]);
    uint16_t words[MOST];
    modbus_t *link = modbus_new_tcp("127.0.0.1", atoi(argv[1]));
    if (!link || modbus_connect(link))
        return 1;
    const double until = seconds_of(CLOCK_MONOTONIC) + atof(argv[3]);
    const double begun = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    long polls = 0;
    while (seconds_of(CLOCK_MONOTONIC) < until) {
        for (int start = 0; start < registers; start += MOST) {
            const int count = registers - start < MOST ? registers - start : MOST;
            if (modbus_read_registers(link, start, count, words) != count)
                return 1;
        }
        polls++;
    }
    printf("%ld %.9f\n", polls, seconds_of(CLOCK_PROCESS_CPUTIME_ID) - begun);
    modbus_close(link);
    modbus_free(link);
    return 0;
}
