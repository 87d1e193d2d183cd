/* The loop of cost.rs on the bare calls: cc -O2 cost.c -o cost && ./cost ROUNDS SENDS LENGTH RECVS ROOM */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
	size_t number[6] = { 0 };
	size_t received = 0;
	int pair[2];

	if (argc != 6) {
		fprintf(stderr, "usage: cost ROUNDS SENDS LENGTH RECVS ROOM\n");
		return 2;
	}
	for (int i = 1; i < 6; i++)
		number[i] = strtoul(argv[i], NULL, 10);
	size_t rounds = number[1], sends = number[2], length = number[3], recvs = number[4], room = number[5];
	char *from = calloc(length, 1), *into = calloc(room, 1);

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || !from || !into) {
		perror("cost");
		return 1;
	}
	for (size_t round = 0; round < rounds; round++) {
		for (size_t i = 0; i < sends; i++) {
			if (send(pair[0], from, length, MSG_NOSIGNAL) < 0) {
				perror("send");
				return 1;
			}
		}
		for (size_t i = 0; i < recvs; i++) {
			ssize_t got = recv(pair[1], into, room, 0);
			if (got < 0) {
				perror("recv");
				return 1;
			}
			received += got;
		}
	}
	printf("%zu\n", received);
	return 0;
}
