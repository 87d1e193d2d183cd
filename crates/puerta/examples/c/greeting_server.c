/* The server of the classic greeting, with the plain calls: cc greeting_server.c -o server && ./server [PORT] */
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
	const char *answer = "Hola, cliente!";
	char buffer[1024];
	int one = 1;
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof address;

	address.sin_port = htons(argc > 1 ? atoi(argv[1]) : 8080);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

	int listener = socket(AF_INET, SOCK_STREAM, 0);
	check(listener, "socket");
	check(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), "setsockopt");
	check(bind(listener, (struct sockaddr *)&address, sizeof address), "bind");
	check(listen(listener, 3), "listen");
	check(getsockname(listener, (struct sockaddr *)&address, &length), "getsockname");
	printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
	fflush(stdout);

	int client = accept(listener, NULL, NULL);
	check(client, "accept");
	ssize_t received = recv(client, buffer, sizeof buffer - 1, 0);
	check((int)received, "recv");
	buffer[received] = '\0';
	printf("%s\n", buffer);
	check((int)send(client, answer, strlen(answer), 0), "send");
	close(client);
	close(listener);
	return 0;
}
