"""airdata as it was before, in outline: Flask and psycopg2; all rows, always, built in memory."""

import os

import psycopg2.pool
from flask import Flask, jsonify

app = Flask(__name__)
pool = psycopg2.pool.SimpleConnectionPool(1, 4, os.environ["DATABASE_URL"])
COLUMNS = ["timestamp", "id_entity", "so2", "no2", "co", "o3", "pm10", "pm2_5"]
ALL = "SELECT timeinstant, id_entity, so2, no2, co, o3, pm10, pm2_5 FROM measurand ORDER BY timeinstant, id_entity"


@app.get("/air_quality")
def air_quality():
    connection = pool.getconn()
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(ALL)
            return jsonify([dict(zip(COLUMNS, (row[0].isoformat(timespec="milliseconds"), *row[1:]))) for row in cursor])
    finally:
        pool.putconn(connection)
