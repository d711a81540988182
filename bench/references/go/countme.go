// countme in Go, in outline: net/http and redigo.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/gomodule/redigo/redis"
)

func main() {
	pool := &redis.Pool{MaxIdle: 64, Dial: func() (redis.Conn, error) {
		return redis.Dial("unix", os.Getenv("REDIS_SOCKET"))
	}}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		connection := pool.Get()
		defer connection.Close()
		n, err := redis.Int64(connection.Do("INCR", "hits"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, "Hello World! I have been seen %d times.\n", n)
	})
	log.Fatal(http.ListenAndServe(os.Getenv("LISTEN"), nil))
}
