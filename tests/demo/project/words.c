/* Counts words, as wc -w does. */
#include <ctype.h>
#include <stdio.h>

int main(void)
{
	long n = 0;
	int c, in = 0;

	while ((c = getchar()) != EOF) {
		if (!isspace(c) && !in)
			n++;
		in = !isspace(c);
	}
	printf("%ld\n", n);
	return 0;
}
