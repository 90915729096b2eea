"""Everyday texts to try. They are never trained on; some of their words are.

SENTENCES were in view when the weight of frequent words was chosen; PHRASES chose nothing, and are shorter.
"""

SENTENCES = {
    "English": [
        "where is the train station",
        "I would like a cup of tea, please.",
        "the children are playing in the garden",
        "What time does the museum open?",
    ],
    "German": [
        "wo ist der bahnhof",
        "Ich hätte gern eine Tasse Kaffee, bitte.",
        "die Kinder spielen im Garten",
        "Wann öffnet das Museum?",
    ],
    "French": [
        "où est la gare",
        "Je voudrais une tasse de café, s'il vous plaît.",
        "les enfants jouent dans le jardin",
        "À quelle heure ouvre le musée ?",
    ],
    "Spanish": [
        "dónde está la estación de tren",
        "Quisiera una taza de café, por favor.",
        "los niños juegan en el jardín",
        "¿A qué hora abre el museo?",
    ],
    "Italian": [
        "dove si trova la stazione",
        "Vorrei una tazza di caffè, per favore.",
        "i bambini giocano nel giardino",
        "A che ora apre il museo?",
    ],
    "Portuguese": [
        "onde fica a estação de comboios",
        "Queria uma chávena de café, por favor.",
        "as crianças brincam no jardim",
        "A que horas abre o museu?",
    ],
    "Dutch": [
        "waar is het station",
        "Ik wil graag een kopje koffie, alstublieft.",
        "de kinderen spelen in de tuin",
        "Hoe laat gaat het museum open?",
    ],
    "Swedish": [
        "var ligger järnvägsstationen",
        "Jag skulle vilja ha en kopp kaffe, tack.",
        "barnen leker i trädgården",
        "Hur dags öppnar museet?",
    ],
}

PHRASES = {
    "English": ["hello how are you", "the weather is nice today", "thank you very much"],
    "German": ["guten Morgen, wie geht es dir", "heute ist schönes Wetter", "vielen Dank"],
    "French": ["bonjour comment allez-vous", "merci beaucoup", "il fait beau aujourd'hui"],
    "Spanish": ["hola, ¿cómo estás?", "muchas gracias", "hoy hace buen tiempo"],
    "Italian": ["ciao come stai", "grazie mille", "oggi fa bel tempo"],
    "Portuguese": ["olá, como você está?", "muito obrigado", "hoje o tempo está bom"],
    "Dutch": ["hallo hoe gaat het met je", "dank je wel", "vandaag is het mooi weer"],
    "Swedish": ["hej hur mår du", "tack så mycket", "idag är det fint väder"],
}
