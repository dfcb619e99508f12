"""The demo plant: a small hydraulics factory whose ERP, MES, historian and quality lab can be queried at once.

Everything is generated from a fixed seed around a fixed moment (`plant.NOW`), so that every machine
shows the same orders, the same scrap and the same broken spindle.
"""
