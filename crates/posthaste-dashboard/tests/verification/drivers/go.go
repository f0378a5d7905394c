package webhook

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

func decoded(field string) []byte {
	bytes, _ := base64.StdEncoding.DecodeString(field)
	return bytes
}

func TestAll(t *testing.T) {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		header := http.Header{}
		for i := 3; i < len(fields); i += 2 {
			header.Set(fields[i], string(decoded(fields[i+1])))
		}
		seconds, err := strconv.ParseInt(fields[1], 10, 64)
		now, secret, body := time.Unix(seconds, 0), string(decoded(fields[0])), decoded(fields[2])
		_ = now
		answer := 0
		if (err != nil && IsAuthentic(header, body)) || (err == nil && Verify(secret, header, body, now)) {
			answer = 1
		}
		fmt.Println(answer)
	}
}
