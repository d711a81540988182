// airquality as it was before, in outline: net/http and lib/pq. CACHE=yes adds what the old program did not have, so that
// what is compared is the answering and not AirVisual.
package main

import (
	"database/sql"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"sync"
	"time"

	_ "github.com/lib/pq"
)

type answer struct {
	City  string `json:"city"`
	Index int    `json:"air_quality_index"`
}

type query struct {
	Time time.Time
	City string
}

var (
	database *sql.DB
	insert   *sql.Stmt
	cache    sync.Map // "lat,lon" to answer
)

func ask(lat, lon string) (answer, error) {
	if known, found := cache.Load(lat + "," + lon); found {
		return known.(answer), nil
	}
	response, err := http.Get(os.Getenv("AIRVISUAL_URL") + "/v2/nearest_city?lat=" + lat + "&lon=" + lon +
		"&key=" + os.Getenv("AIRVISUAL_KEY"))
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	var body struct {
		Data struct {
			City    string
			Current struct{ Pollution struct{ Aqius int } }
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
		return answer{}, err
	}
	found := answer{body.Data.City, body.Data.Current.Pollution.Aqius}
	if os.Getenv("CACHE") == "yes" {
		cache.Store(lat+","+lon, found)
	}
	return found, nil
}

func or(value, standard string) string {
	if value == "" {
		return standard
	}
	return value
}

func airQuality(w http.ResponseWriter, r *http.Request) {
	found, err := ask(or(r.FormValue("lat"), "52"), or(r.FormValue("lon"), "0"))
	if err == nil {
		_, err = insert.Exec(time.Now().UTC(), found.City)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(found)
}

func queriedCities(w http.ResponseWriter, r *http.Request) {
	rows, err := database.Query("SELECT Time, City FROM UserQueries ORDER BY Time DESC")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer rows.Close()
	var queries []query
	for rows.Next() {
		var one query
		rows.Scan(&one.Time, &one.City)
		one.Time = one.Time.UTC()
		queries = append(queries, one)
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(queries)
}

func main() {
	var err error
	if database, err = sql.Open("postgres", os.Getenv("DATABASE_URL")); err != nil {
		log.Fatal(err)
	}
	database.SetMaxOpenConns(64)
	database.SetMaxIdleConns(64)
	if insert, err = database.Prepare("INSERT INTO UserQueries (Time, City) VALUES ($1, $2)"); err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("Air Quality API running")) })
	http.HandleFunc("/air-quality", airQuality)
	http.HandleFunc("/queried-cities", queriedCities)
	log.Fatal(http.ListenAndServe(os.Getenv("LISTEN"), nil))
}
