/* The client of the classic greeting, with the plain calls: cc greeting_client.c -o client && ./client [PORT] */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void check(int result, const char *call)
{
	if (result < 0) {
		perror(call);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	const char *greeting = "Hola, servidor!";
	char buffer[1024];
	struct sockaddr_in address = { .sin_family = AF_INET };

	address.sin_port = htons(argc > 1 ? atoi(argv[1]) : 8080);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

	int server = socket(AF_INET, SOCK_STREAM, 0);
	check(server, "socket");
	check(connect(server, (struct sockaddr *)&address, sizeof address), "connect");
	check((int)send(server, greeting, strlen(greeting), 0), "send");
	ssize_t received = recv(server, buffer, sizeof buffer - 1, 0);
	check((int)received, "recv");
	buffer[received] = '\0';
	printf("%s\n", buffer);
	close(server);
	return 0;
}
